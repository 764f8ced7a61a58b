//! `/register` (RFC 7591): a client that knows only the URL of an API registers itself.
//!
//! There is no initial access token, so anyone can register. All such clients are public, and only the redirect URI of such a client
//! is known, so the user is shown where it leads.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http::header::CACHE_CONTROL;
use serde::Deserialize;
use serde_json::json;
use url::{Host, Url};

use super::AuthorizationServer;
use super::token::TokenError;

const MAX_REDIRECT_URIS: usize = 10;
/// In bytes, of a name and of a URI.
const MAX_NAME: usize = 100;
const MAX_URI: usize = 2000;

/// The members that mean something here (§2). The others are ignored.
#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    redirect_uris: Vec<String>,
    client_name: Option<String>,
    token_endpoint_auth_method: Option<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
}

pub(super) async fn register(
    State(server): State<Arc<AuthorizationServer>>,
    body: Bytes,
) -> Result<Response, TokenError> {
    let metadata: Metadata = serde_json::from_slice(&body).map_err(|_| {
        TokenError::new("invalid_client_metadata", "the body is not a JSON object with client metadata")
    })?;
    metadata.check()?;
    let name = metadata.client_name.unwrap_or_else(|| "A client without a name".to_owned());
    let client = server.clients.register(name, metadata.redirect_uris);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    // What is registered, which need not be what was asked for (§3.2.1).
    let answer = Json(json!({
        "client_id": client.id,
        "client_id_issued_at": now,
        "client_name": client.name,
        "redirect_uris": client.redirect_uris,
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
    }));
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], answer).into_response())
}

impl Metadata {
    fn check(&self) -> Result<(), TokenError> {
        let refused = |description| Err(TokenError::new("invalid_client_metadata", description));
        if self.redirect_uris.is_empty() || self.redirect_uris.len() > MAX_REDIRECT_URIS {
            return Err(TokenError::new("invalid_redirect_uri", "redirect_uris must have 1 to 10 elements"));
        }
        for uri in &self.redirect_uris {
            check_redirect_uri(uri).map_err(|description| TokenError::new("invalid_redirect_uri", description))?;
        }
        if self.client_name.as_ref().is_some_and(|name| name.is_empty() || name.len() > MAX_NAME) {
            return refused("client_name must have 1 to 100 bytes");
        }
        // A client that leaves it out would have a secret by the standard (§2). It is told in the answer that it has none.
        if self.token_endpoint_auth_method.as_ref().is_some_and(|method| method != "none") {
            return refused("token_endpoint_auth_method must be none");
        }
        let lacks = |given: &Option<Vec<String>>, needed: &str| {
            given.as_ref().is_some_and(|given| given.iter().all(|value| value != needed))
        };
        if lacks(&self.grant_types, "authorization_code") || lacks(&self.response_types, "code") {
            return refused("grant_types must contain authorization_code, and response_types must contain code");
        }
        Ok(())
    }
}

/// An attacker's redirect URI is as good as any other, so the rule is about who else could read the code: nobody on the way, nobody
/// on the user's network (RFC 9700 §2.1, RFC 8252 §7.3).
fn check_redirect_uri(text: &str) -> Result<(), &'static str> {
    // Readers of URLs differ about backslashes and white space.
    let is_plain = text.len() <= MAX_URI && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let uri = Url::parse(text).ok().filter(|_| is_plain).ok_or("a redirect URI is not an absolute URI")?;
    if uri.fragment().is_some() {
        return Err("a redirect URI has a fragment");
    }
    if !uri.username().is_empty() || uri.password().is_some() {
        return Err("a redirect URI has a user name or a password");
    }
    let is_on_this_machine = match uri.host() {
        // It is written into a Content-Security-Policy, where characters that do not occur in DNS names have a meaning.
        Some(Host::Domain(name)) if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte)) => {
            return Err("a redirect URI has a host with characters other than letters, digits, - and .");
        }
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match uri.scheme() {
        "https" => Ok(()),
        "http" if is_on_this_machine => Ok(()),
        _ => Err("a redirect URI is neither https nor http on this machine"),
    }
}
