use std::collections::HashMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

/// The client that may introspect tokens at a [`TestIssuer`](super::TestIssuer): its identifier and its secret.
pub(super) const CLIENT: (&str, &str) = ("test-api", "test-secret");

/// What an issuer knows of its opaque tokens.
#[derive(Default)]
pub(super) struct OpaqueTokens(HashMap<String, Value>);

/// A request of the introspection endpoint.
pub(super) struct Question {
    token: Option<String>,
    is_of_client: bool,
    pub(super) wants_signed_answer: bool,
}

impl OpaqueTokens {
    pub(super) fn set_answer(&mut self, token: &str, answer: Value) {
        self.0.insert(token.to_owned(), answer);
    }

    /// The status and the answer (RFC 7662 §2.2, §2.3).
    pub(super) fn answer(&self, question: &Question) -> (StatusCode, Value) {
        if !question.is_of_client {
            return (StatusCode::UNAUTHORIZED, json!({ "error": "invalid_client" }));
        }
        match &question.token {
            None => (StatusCode::BAD_REQUEST, json!({ "error": "invalid_request" })),
            Some(token) => (StatusCode::OK, self.0.get(token).cloned().unwrap_or_else(|| json!({ "active": false }))),
        }
    }
}

impl Question {
    pub(super) fn of(headers: &HeaderMap, body: &Bytes) -> Self {
        let form: HashMap<_, _> = url::form_urlencoded::parse(body).into_owned().collect();
        let value = |name: &str| form.get(name).map(String::as_str);
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (id, secret) = CLIENT;
        let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
        let is_of_client =
            header(AUTHORIZATION) == basic || (value("client_id"), value("client_secret")) == (Some(id), Some(secret));
        let wants_signed_answer = header(ACCEPT).contains("application/token-introspection+jwt");
        Self { token: value("token").map(str::to_owned), is_of_client, wants_signed_answer }
    }
}

impl fmt::Debug for OpaqueTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpaqueTokens").field("len", &self.0.len()).finish()
    }
}
