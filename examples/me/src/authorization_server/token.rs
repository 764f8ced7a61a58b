//! `/token` (RFC 6749 §3.2; RFC 9449 §5) and `/revoke` (RFC 7009).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::AuthorizationServer;
use super::clients::Client;
use super::grants::{GrantError, Redemption};
use super::mint::Mint;
use super::parameters::Parameters;
use super::proofs::{ProofError, Proofs};
use super::request::{check_resource, granted_scope};
use crate::client_key::NONCE;

/// RFC 6749 §5.2.
pub(super) struct TokenError {
    error: &'static str,
    description: String,
}

pub(super) async fn token(State(server): State<Arc<AuthorizationServer>>, headers: HeaderMap, body: Bytes) -> Response {
    let answer = server.tokens(&headers, &body);
    let answer = answer.map(|tokens| ([(CACHE_CONTROL, "no-store")], Json(tokens)));
    let mut response = answer.into_response();
    // With every answer, so that a client seldom has to ask twice (RFC 9449 §8.2).
    let nonce = server.proofs.as_ref().and_then(|proofs| proofs.nonce(SystemTime::now()));
    response.headers_mut().extend(nonce.map(|nonce| (NONCE, nonce)));
    response
}

/// A refresh token ends with its whole family, and with the opaque access tokens that came with it. A JWT ends by itself, and soon.
pub(super) async fn revoke(
    State(server): State<Arc<AuthorizationServer>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, TokenError> {
    let form = parse(&body)?;
    let client = server.authenticate(&headers, &form)?;
    let token = form.get("token").ok_or_else(|| TokenError::new("invalid_request", "token is required"))?;
    // Three parts: a JWT.
    if token.split('.').count() == 3 {
        return Err(TokenError::new("unsupported_token_type", "access tokens cannot be revoked; they expire"));
    }
    if let Some(opaque) = &server.opaque {
        opaque.revoke(token, &client.id);
    }
    server.memory().grants.revoke(token, &client.id);
    Ok(StatusCode::OK)
}

pub(super) fn parse(body: &[u8]) -> Result<Parameters, TokenError> {
    Parameters::parse(body).map_err(|repeated| TokenError::new("invalid_request", &repeated.to_string()))
}

impl AuthorizationServer {
    fn tokens(&self, headers: &HeaderMap, body: &[u8]) -> Result<Value, TokenError> {
        let form = parse(body)?;
        let client = self.authenticate(headers, &form)?;
        check_resource(form.get("resource"), &self.audience)?;
        // Before the grant is used: a client that is asked for a nonce has to be able to repeat its request.
        let check = |proofs: &Proofs| proofs.check(headers, SystemTime::now());
        let jkt = self.proofs.as_ref().map(check).transpose()?.flatten();
        let mint = Mint {
            issuer: &self.issuer,
            audience: &self.audience,
            now: SystemTime::now(),
            lifetime: self.token_lifetime.load(Ordering::Relaxed),
            jkt: jkt.as_deref(),
            opaque: self.opaque.as_ref(),
        };
        match form.text("grant_type") {
            "authorization_code" => self.redeem(&client, &form, &mint),
            "refresh_token" => self.refresh(&client, &form, &mint),
            "client_credentials" => self.client_credentials(&client, &form, &mint),
            "" => Err(TokenError::new("invalid_request", "grant_type is required")),
            _ => Err(TokenError::new("unsupported_grant_type", "this grant_type is not supported")),
        }
    }

    /// By HTTP Basic, by the form, or not at all if the client is public (RFC 6749 §2.3.1).
    pub(super) fn authenticate(&self, headers: &HeaderMap, form: &Parameters) -> Result<Client, TokenError> {
        let basic = headers.get(AUTHORIZATION).map(|value| basic_credentials(value.as_bytes()));
        let (id, secret) = match basic {
            None => (form.text("client_id").to_owned(), form.get("client_secret").map(ToOwned::to_owned)),
            Some(None) => return Err(TokenError::invalid_client()),
            Some(Some((id, secret))) => {
                if form.get("client_secret").is_some() || form.get("client_id").is_some_and(|other| other != id) {
                    return Err(TokenError::new("invalid_request", "the client authenticates twice"));
                }
                (id, Some(secret))
            }
        };
        let client = self.clients.get(&id).filter(|client| client.is_authenticated_by(secret.as_deref()));
        client.ok_or_else(TokenError::invalid_client)
    }

    /// RFC 6749 §4.1.3 with RFC 7636 §4.5.
    fn redeem(&self, client: &Client, form: &Parameters, mint: &Mint<'_>) -> Result<Value, TokenError> {
        let redemption = Redemption {
            code: form.text("code"),
            client_id: &client.id,
            is_public: !client.is_confidential(),
            redirect_uri: form.text("redirect_uri"),
            verifier: form.text("code_verifier"),
            jkt: mint.jkt,
        };
        let (grant, refresh_token) = self.memory().grants.redeem(&redemption, mint.now)?;
        Ok(mint.for_user(&grant, refresh_token.as_deref(), true))
    }

    /// RFC 6749 §6. The user was not authenticated anew, so `acr` and `auth_time` stay what they were.
    fn refresh(&self, client: &Client, form: &Parameters, mint: &Mint<'_>) -> Result<Value, TokenError> {
        let scope = form.get("scope").map(|scope| granted_scope(Some(scope), &self.scopes)).transpose()?;
        let token = form.text("refresh_token");
        let refreshed = self.memory().grants.refresh(token, &client.id, mint.jkt, scope.as_ref(), mint.now);
        let (grant, next) = refreshed?;
        Ok(mint.for_user(&grant, Some(&next), false))
    }

    /// RFC 6749 §4.4, for the API alone: there is no user whom an ID token or a refresh token could be about.
    fn client_credentials(&self, client: &Client, form: &Parameters, mint: &Mint<'_>) -> Result<Value, TokenError> {
        if !client.is_confidential() {
            return Err(TokenError::new("unauthorized_client", "a public client cannot act for itself"));
        }
        let scope = granted_scope(form.get("scope"), &self.api_scopes)?;
        Ok(mint.for_client(&client.id, &scope))
    }
}

/// Both halves are form-encoded before they are joined (RFC 6749 §2.3.1).
fn basic_credentials(value: &[u8]) -> Option<(String, String)> {
    let (scheme, credentials) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    let joined = STANDARD.decode(credentials).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let (id, secret) = std::str::from_utf8(&joined).ok()?.split_once(':')?;
    let decode = |half: &str| {
        let pair = format!("x={half}");
        form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned())
    };
    Some((decode(id)?, decode(secret)?))
}

impl TokenError {
    pub(super) fn new(error: &'static str, description: &str) -> Self {
        Self { error, description: description.to_owned() }
    }

    fn invalid_client() -> Self {
        Self::new("invalid_client", "the client is unknown, or its credentials are wrong")
    }
}

impl From<GrantError> for TokenError {
    fn from(error: GrantError) -> Self {
        Self::new(error.code(), &error.to_string())
    }
}

impl From<ProofError> for TokenError {
    fn from(error: ProofError) -> Self {
        Self::new(error.code(), &error.to_string())
    }
}

impl From<(&'static str, &'static str)> for TokenError {
    fn from((error, description): (&'static str, &'static str)) -> Self {
        Self::new(error, description)
    }
}

impl IntoResponse for TokenError {
    fn into_response(self) -> Response {
        let is_stranger = self.error == "invalid_client";
        let status = if is_stranger { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        let body = Json(json!({ "error": self.error, "error_description": self.description }));
        let mut response = (status, [(CACHE_CONTROL, "no-store")], body).into_response();
        if is_stranger {
            let challenge = http::HeaderValue::from_static(r#"Basic realm="token endpoint""#);
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
