//! What the backend sends and gets, for the page to show. A backend that demonstrates nothing has no such thing.

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{RequestBuilder, Response};
use serde::Serialize;
use serde_json::{Value, json};
use url::form_urlencoded;

const SECRETS: [&str; 6] = ["code", "code_verifier", "token", "access_token", "refresh_token", "id_token"];

/// The messages of one request of the page, in their order.
#[derive(Clone, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Messages(Vec<Value>);

/// What was answered.
pub(super) struct Answer {
    pub(super) is_success: bool,
    pub(super) body: Value,
}

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
                None => format!("{name}: {value}"),
            }
        }));
        lines.extend((!shown_body.is_empty()).then(|| format!("\n{shown_body}")));
        self.0.push(json!({ "from": "backend", "to": to, "title": title, "http": lines.join("\n") }));

        let response = client.execute(request).await?;
        let (status, head) = (response.status(), head(&response));
        let body: Value = serde_json::from_slice(&response.bytes().await?).unwrap_or_default();
        let outcome = body["error"].as_str().map_or_else(|| outcome(&body), ToOwned::to_owned);
        let text = if body.is_null() { head } else { format!("{head}\n\n{}", shown_json(&body)) };
        self.0.push(json!({
            "from": to, "to": "backend", "title": format!("{} {outcome}", status.as_u16()), "http": text,
        }));
        Ok(Answer { is_success: status.is_success(), body })
    }
}

fn head(response: &Response) -> String {
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.map_or_else(String::new, |value| format!("\n{CONTENT_TYPE}: {value}"));
    format!("{}{content_type}", response.status())
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
