//! What the backend sends and receives, for the page to show. A real backend does not need this.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use reqwest::RequestBuilder;
use serde::Serialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::client_key::{NONCE, PROOF};

const SECRETS: [&str; 6] = ["code", "code_verifier", "token", "access_token", "refresh_token", "id_token"];

/// The messages of one request of the page, in their order.
#[derive(Clone, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Messages(Vec<Value>);

/// What was answered.
pub(super) type Answer = Response<Bytes>;

impl Messages {
    pub(super) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// A POST of a form to the authorization server.
    pub(super) async fn post(
        &mut self,
        title: &str,
        request: RequestBuilder,
        form: &[(&str, &str)],
    ) -> reqwest::Result<Answer> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        let shown: Vec<_> = form.iter().map(|(name, value)| format!("{name}={}", shown(name, value))).collect();
        self.exchange("authorization", title, request, &shown.join("\n&")).await
    }

    /// A GET of the API.
    pub(super) async fn get(&mut self, title: &str, request: RequestBuilder) -> reqwest::Result<Answer> {
        self.exchange("resource", title, request, "").await
    }

    async fn exchange(
        &mut self,
        to: &str,
        title: &str,
        request: RequestBuilder,
        shown_body: &str,
    ) -> reqwest::Result<Answer> {
        let (client, request) = request.build_split();
        let request = request?;
        let url = request.url();
        let mut lines = vec![format!("{} {}", request.method(), url.path()), format!("Host: {}", url.authority())];
        lines.extend(request.headers().iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            match value.split_once(' ').filter(|_| name == AUTHORIZATION) {
                // The scheme says how the client authenticates; what follows is a secret.
                Some((scheme, secret)) => format!("{name}: {scheme} {}", abbreviated(secret)),
                None if name == PROOF => format!("{name}: {}", shown_proof(&value)),
                None => format!("{name}: {value}"),
            }
        }));
        lines.extend((!shown_body.is_empty()).then(|| format!("\n{shown_body}")));
        self.0.push(json!({ "from": "backend", "to": to, "title": title, "http": lines.join("\n") }));

        let mut received = client.execute(request).await?;
        let (status, headers) = (received.status(), std::mem::take(received.headers_mut()));
        let mut answer = Response::new(received.bytes().await?);
        (*answer.status_mut(), *answer.headers_mut()) = (status, headers);
        let (head, body) = (head(status, answer.headers()), json_of(&answer));
        let outcome = body["error"].as_str().map_or_else(|| outcome(&body), ToOwned::to_owned);
        let text = if body.is_null() { head } else { format!("{head}\n\n{}", shown_json(&body)) };
        self.0.push(json!({
            "from": to, "to": "backend", "title": format!("{} {outcome}", status.as_u16()), "http": text,
        }));
        Ok(answer)
    }
}

/// The body of an answer, or null if it is no JSON.
pub(super) fn json_of(answer: &Answer) -> Value {
    serde_json::from_slice(answer.body()).unwrap_or_default()
}

fn head(status: StatusCode, headers: &HeaderMap) -> String {
    let mut lines = vec![status.to_string()];
    for name in [CONTENT_TYPE, WWW_AUTHENTICATE, NONCE] {
        let values = headers.get_all(&name).iter().filter_map(|value| value.to_str().ok());
        lines.extend(values.map(|value| format!("{name}: {value}")));
    }
    lines.join("\n")
}

/// A proof is no secret: it is good for one request, which is under way. Its claims say for which.
fn shown_proof(proof: &str) -> String {
    let part = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    let parts: Vec<Value> = proof.split('.').map_while(part).collect();
    let parts: Vec<_> = parts.iter().filter_map(|part| serde_json::to_string_pretty(part).ok()).collect();
    format!("{}\n{}", abbreviated(proof), parts.join("\n"))
}

/// Which tokens there are, or that there is something else.
fn outcome(body: &Value) -> String {
    let kinds = [("access_token", "access"), ("refresh_token", "refresh"), ("id_token", "ID")];
    let kinds: Vec<_> = kinds.iter().filter(|(name, _)| body[name].is_string()).map(|(_, kind)| *kind).collect();
    match (kinds.is_empty(), body.is_null()) {
        (false, _) => format!("Tokens: {}", kinds.join(", ")),
        (true, false) => "Profile".to_owned(),
        (true, true) => String::new(),
    }
}

fn shown_json(body: &Value) -> String {
    let mut body = body.clone();
    for (name, value) in body.as_object_mut().into_iter().flatten() {
        if let Some(text) = value.as_str() {
            *value = json!(shown(name, text));
        }
    }
    serde_json::to_string_pretty(&body).unwrap_or_default()
}

fn shown(name: &str, value: &str) -> String {
    if SECRETS.contains(&name) { abbreviated(value) } else { value.to_owned() }
}

fn abbreviated(secret: &str) -> String {
    format!("{}…", secret.get(..8).unwrap_or_default())
}
