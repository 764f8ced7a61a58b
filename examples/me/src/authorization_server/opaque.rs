//! Opaque access tokens: what the server keeps about them, and `/introspect`, where the API asks about them (RFC
//! 7662).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CACHE_CONTROL;
use serde_json::{Map, Value, json};
use tower_bearer::testing::TokenBuilder;

use super::AuthorizationServer;
use super::clients::{API, Client};
use super::mint::seconds;
use super::secrets;
use super::token::{TokenError, parse};

#[derive(Default)]
pub(crate) struct OpaqueTokens(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    issued: HashMap<String, Issued>,
    /// For each user who signed out everywhere: tokens issued up to this time have ended. In seconds since 1970.
    ended: HashMap<String, u64>,
    introspections: Vec<Introspection>,
}

/// An access token.
struct Issued {
    claims: Map<String, Value>,
    /// The family of refresh tokens that it came with. It ends with the family (RFC 7009 §2.1).
    family: Option<String>,
}

/// What the API asked, and was told.
#[derive(Clone)]
pub(crate) struct Introspection {
    pub(crate) token: String,
    pub(crate) client: String,
    pub(crate) answer: Value,
}

impl OpaqueTokens {
    /// Random text, under which the server remembers the claims.
    pub(super) fn issue(&self, token: &TokenBuilder, refresh_token: Option<&str>) -> String {
        let family = refresh_token.and_then(|token| token.split_once('.')).map(|(family, _)| family.to_owned());
        let name = secrets::random();
        let mut memory = self.memory();
        let now = SystemTime::now();
        memory.issued.retain(|_, issued| !issued.is_over(now));
        memory.issued.insert(name.clone(), Issued { claims: claims_of(token), family });
        name
    }

    /// Ends the access token, if it is this client's (RFC 7009 §2.1).
    pub(super) fn revoke(&self, token: &str, client_id: &str) {
        self.memory().issued.retain(|known, issued| known != token || issued.claims["client_id"] != client_id);
    }

    /// Ends all tokens of this user that were issued until then, whatever refresh tokens they came with.
    pub(super) fn end_all_of(&self, subject: &str, at: SystemTime) {
        self.memory().ended.insert(subject.to_owned(), seconds(at));
    }

    /// All questions about the token so far.
    pub(crate) fn introspections(&self, token: &str) -> Vec<Introspection> {
        self.memory().introspections.iter().filter(|asked| asked.token == token).cloned().collect()
    }

    /// A refresh token is unknown here, so it is never active.
    fn answer(&self, token: &str, has_family: impl Fn(&str) -> bool) -> Value {
        let memory = self.memory();
        let is_active = |issued: &&Issued| {
            let ended = issued.claims["sub"].as_str().and_then(|subject| memory.ended.get(subject));
            let has_ended = ended.is_some_and(|ended| issued.claims["iat"].as_u64().is_none_or(|iat| iat <= *ended));
            !has_ended && !issued.is_over(SystemTime::now()) && issued.family.as_deref().is_none_or(&has_family)
        };
        match memory.issued.get(token).filter(is_active) {
            Some(Issued { claims, .. }) => {
                let mut answer = claims.clone();
                answer.insert("active".to_owned(), true.into());
                Value::Object(answer)
            }
            // It does not say why (RFC 7662 §2.2).
            None => json!({ "active": false }),
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Issued {
    fn is_over(&self, now: SystemTime) -> bool {
        self.claims["exp"].as_u64().is_none_or(|end| end <= seconds(now))
    }
}

pub(super) async fn introspect(
    State(server): State<Arc<AuthorizationServer>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, TokenError> {
    let form = parse(&body)?;
    let Client { id, .. } = server.authenticate(&headers, &form)?;
    let token = form.get("token").ok_or_else(|| TokenError::new("invalid_request", "token is required"))?;
    let Some(tokens) = server.opaque.as_ref().filter(|_| id == API) else {
        return Err(TokenError::new("unauthorized_client", "only the API may ask about tokens"));
    };
    let answer = tokens.answer(token, |family| server.memory().grants.has_family(family));
    let asked = Introspection { token: token.to_owned(), client: id, answer: answer.clone() };
    tokens.memory().introspections.push(asked);
    Ok(([(CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

/// What the token would say if it were a JWT.
fn claims_of(token: &TokenBuilder) -> Map<String, Value> {
    let input = token.signing_input();
    let payload = input.split('.').nth(1).unwrap_or_default();
    let payload = URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
    serde_json::from_slice(&payload).unwrap_or_default()
}
