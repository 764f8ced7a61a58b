//! The backend at the authorization server: a confidential client, which shows its secret with everything it asks for.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Client, RequestBuilder};
use serde_json::Value;

use super::messages::{Answer, Messages};
use crate::authorization_server::clients::{WEB_APP, WEB_APP_SECRET};

pub(super) struct Tokens {
    pub(super) http: Client,
    pub(super) issuer: String,
    pub(super) token_endpoint: String,
    pub(super) revocation_endpoint: String,
    pub(super) redirect_uri: String,
}

/// What a code or a refresh token was good for.
#[derive(Clone)]
#[expect(clippy::struct_field_names, reason = "they are those of RFC 6749 §5.1")]
pub(super) struct Granted {
    pub(super) access_token: String,
    pub(super) refresh_token: Option<String>,
    pub(super) id_token: Option<String>,
}

/// Why there are no tokens, as a sentence for the user.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum NoTokens {
    #[error("Refused by the authorization server: {0}.")]
    Refused(String),
    #[error("The authorization server cannot be reached.")]
    Unreachable,
    #[error("Refused: the ID token is not for this sign-in.")]
    ForeignIdToken,
}

impl Tokens {
    /// RFC 6749 §4.1.3 with RFC 7636 §4.5: the code, the verifier, and the client's secret.
    pub(super) async fn redeem(
        &self,
        code: &str,
        verifier: &str,
        messages: &mut Messages,
    ) -> Result<Granted, NoTokens> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", verifier),
        ];
        granted(messages.post("POST /token: code, verifier, secret", self.request(&self.token_endpoint), &form).await)
    }

    /// RFC 6749 §6.
    pub(super) async fn refresh(&self, refresh_token: &str, messages: &mut Messages) -> Result<Granted, NoTokens> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        granted(messages.post("POST /token: refresh token, secret", self.request(&self.token_endpoint), &form).await)
    }

    /// RFC 7009. Whether the token is worth nothing any more.
    pub(super) async fn revoke(&self, refresh_token: &str, messages: &mut Messages) -> bool {
        let form = [("token", refresh_token), ("token_type_hint", "refresh_token")];
        let answer = messages.post("POST /revoke: refresh token", self.request(&self.revocation_endpoint), &form).await;
        answer.is_ok_and(|answer| answer.is_success)
    }

    /// The claims of an ID token that came from the issuer itself, so its signature may go unchecked (OpenID Connect Core
    /// §3.1.3.7).
    pub(super) fn id_token_claims(&self, token: Option<&str>, nonce: &str, now: u64) -> Result<Value, NoTokens> {
        let claims = token.and_then(claims).ok_or(NoTokens::ForeignIdToken)?;
        let audience = &claims["aud"];
        let is_for_us =
            audience == WEB_APP || audience.as_array().is_some_and(|all| all.iter().any(|one| one == WEB_APP));
        let is_of_this_sign_in = claims["iss"] == self.issuer.as_str() && claims["nonce"] == nonce;
        let is_good = is_for_us && is_of_this_sign_in && claims["exp"].as_u64().is_some_and(|exp| exp > now);
        if is_good { Ok(claims) } else { Err(NoTokens::ForeignIdToken) }
    }

    fn request(&self, url: &str) -> RequestBuilder {
        // Neither half has a character that would have to be form-encoded first (RFC 6749 §2.3.1).
        self.http.post(url).basic_auth(WEB_APP, Some(WEB_APP_SECRET))
    }
}

fn granted(answer: reqwest::Result<Answer>) -> Result<Granted, NoTokens> {
    let Answer { is_success, body } = answer.map_err(|_| NoTokens::Unreachable)?;
    let member = |name: &str| body[name].as_str().map(ToOwned::to_owned);
    let is_bearer = member("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
    match member("access_token") {
        Some(access_token) if is_success && is_bearer => {
            Ok(Granted { access_token, refresh_token: member("refresh_token"), id_token: member("id_token") })
        }
        _ => {
            let reason = member("error_description").or_else(|| member("error"));
            Err(NoTokens::Refused(reason.unwrap_or_else(|| "its answer has no Bearer token".to_owned())))
        }
    }
}

fn claims(token: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?).ok()
}
