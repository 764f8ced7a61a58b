//! What a page in a browser may do, and what the server refuses whatever the token grants.

use http::header::{
    ACCEPT, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, HOST, ORIGIN, WWW_AUTHENTICATE,
};
use http::{HeaderName, Method, StatusCode};
use reqwest::{Client, Response};
use serde_json::Value;
use url::Url;

use super::report::Outcome;

const PAGE: &str = "http://localhost:6274";
const STRANGER: &str = "https://attacker.example.test";
const HEADERS: [&str; 5] = ["authorization", "content-type", "mcp-method", "mcp-name", "mcp-protocol-version"];

/// A preflight is answered without a token, and the page can read why its request is refused.
pub(super) async fn may_call(http: &Client, url: &Url) -> Outcome<()> {
    let preflight = http.request(Method::OPTIONS, url.clone()).header(ORIGIN, PAGE);
    let preflight = preflight.header(ACCESS_CONTROL_REQUEST_METHOD, "POST");
    let preflight = preflight.header(ACCESS_CONTROL_REQUEST_HEADERS, HEADERS.join(",")).send().await?;
    let allowed: Vec<_> = header(&preflight, &ACCESS_CONTROL_ALLOW_HEADERS).split(',').collect();
    if header(&preflight, &ACCESS_CONTROL_ALLOW_ORIGIN) != PAGE || !HEADERS.iter().all(|name| allowed.contains(name)) {
        return Err(format!("the preflight is answered with {preflight:?}").into());
    }
    let refused = http.post(url.clone()).header(ORIGIN, PAGE).send().await?;
    let exposed = header(&refused, &ACCESS_CONTROL_EXPOSE_HEADERS);
    let is_readable = header(&refused, &ACCESS_CONTROL_ALLOW_ORIGIN) == PAGE
        && exposed.split(',').any(|name| name == WWW_AUTHENTICATE.as_str());
    if refused.status() != StatusCode::UNAUTHORIZED || !is_readable {
        return Err(format!("the request is answered with {refused:?}").into());
    }
    Ok(((), vec![format!("{ACCESS_CONTROL_EXPOSE_HEADERS}: {exposed}")]))
}

/// With a good token: from a page of another site, and under a name that an attacker has given this machine (DNS rebinding).
pub(super) async fn strangers_are_refused(http: &Client, url: &Url, token: &str) -> Outcome<()> {
    let mut lines = Vec::new();
    for (name, value, expected) in [
        (ORIGIN, PAGE, StatusCode::OK),
        (ORIGIN, STRANGER, StatusCode::FORBIDDEN),
        (HOST, "attacker.example.test", StatusCode::FORBIDDEN),
    ] {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        let request = http.post(url.clone()).bearer_auth(token).header(&name, value).body(body);
        let request = request.header(CONTENT_TYPE, "application/json");
        let response = request.header(ACCEPT, "application/json, text/event-stream").send().await?;
        let line = format!("{name}: {value}: {}", response.status());
        if response.status() != expected || header(&response, &ACCESS_CONTROL_ALLOW_ORIGIN) == STRANGER {
            return Err(line.into());
        }
        lines.push(line);
    }
    Ok(((), lines))
}

/// At the path of the server and at the root, where older clients look.
pub(super) async fn metadata_is_twofold(http: &Client, url: &Url) -> Outcome<()> {
    let mut lines = Vec::new();
    for path in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"] {
        let document: Value = http.get(url.join(path)?).send().await?.error_for_status()?.json().await?;
        if document["resource"] != url.as_str() {
            return Err(format!("{path}: {document}").into());
        }
        lines.push(format!("GET {path}: {document}"));
    }
    Ok(((), lines))
}

fn header<'a>(response: &'a Response, name: &HeaderName) -> &'a str {
    response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
