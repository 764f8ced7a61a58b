//! The backend as a confidential client of the authorization server, which sends its secret with every request.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use url::Url;

use super::messages::{Answer, Messages, json_of};
use crate::authorization_server::clients::{WEB_APP, WEB_APP_SECRET};
use crate::client_key::{ClientKey, NONCE, PROOF};

pub(super) struct Tokens {
    pub(super) http: Client,
    pub(super) issuer: String,
    pub(super) token_endpoint: Url,
    pub(super) revocation_endpoint: String,
    pub(super) redirect_uri: String,
}

/// Who proves a key for the next access token (RFC 9449 §5).
#[derive(Clone)]
pub(super) enum Proof {
    /// Nobody, so it is a Bearer token.
    None,
    /// The page that will use it. The backend only passes the proof on, and cannot use the token.
    OfPage(String),
    /// The backend, which uses it itself.
    Own(Arc<ClientKey>),
}

/// Whose key an access token is bound to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    Page,
    Backend,
}

/// What a code or a refresh token was good for.
#[derive(Clone)]
pub(super) struct Granted {
    pub(super) access_token: String,
    pub(super) refresh_token: Option<String>,
    pub(super) id_token: Option<String>,
    /// `None` if it is a Bearer token.
    pub(super) holder: Option<Holder>,
    /// The nonce for the next proof.
    pub(super) nonce: Option<String>,
}

/// Why there are no tokens, as a sentence for the user.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum NoTokens {
    #[error("Refused by the authorization server: {0}.")]
    Refused(String),
    /// The grant was not looked at, and is as good as before. With a nonce the page can try again at once.
    #[error("Refused by the authorization server: {description}.")]
    BadProof { description: String, nonce: Option<String> },
    #[error("The authorization server cannot be reached.")]
    Unreachable,
    #[error("Refused: the state of this answer does not match any sign-in that this browser began.")]
    ForeignState,
    #[error("Refused: another authorization server has answered.")]
    OtherServer,
    #[error("Refused: the answer has no code.")]
    NoCode,
    #[error("Refused: the ID token is not for this sign-in.")]
    ForeignIdToken,
    #[error("Refused: another user has signed in, so the request is not continued.")]
    OtherUser,
}

impl NoTokens {
    /// Whether the refresh token is still good, or may be when the authorization server is back.
    pub(super) fn leaves_grant(&self) -> bool {
        matches!(self, Self::BadProof { .. } | Self::Unreachable)
    }
}

impl Proof {
    /// Whose key the token is then bound to.
    pub(super) fn holder(&self) -> Option<Holder> {
        match self {
            Self::None => None,
            Self::OfPage(_) => Some(Holder::Page),
            Self::Own(_) => Some(Holder::Backend),
        }
    }
}

impl Tokens {
    /// RFC 6749 §4.1.3 with RFC 7636 §4.5: the code, the verifier, and the client's secret.
    pub(super) async fn redeem(
        &self,
        code: &str,
        verifier: &str,
        proof: &Proof,
        messages: &mut Messages,
    ) -> Result<Granted, NoTokens> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", verifier),
        ];
        self.ask("code, verifier, secret", &form, proof, messages).await
    }

    /// RFC 6749 §6.
    pub(super) async fn refresh(
        &self,
        refresh_token: &str,
        proof: &Proof,
        messages: &mut Messages,
    ) -> Result<Granted, NoTokens> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        self.ask("refresh token, secret", &form, proof, messages).await
    }

    /// RFC 7009. Whether the token is worth nothing any more.
    pub(super) async fn revoke(&self, refresh_token: &str, messages: &mut Messages) -> bool {
        let form = [("token", refresh_token), ("token_type_hint", "refresh_token")];
        let answer = messages.post("POST /revoke: refresh token", self.request(&self.revocation_endpoint), &form).await;
        answer.is_ok_and(|answer| answer.status().is_success())
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

    async fn ask(
        &self,
        what: &str,
        form: &[(&str, &str)],
        proof: &Proof,
        messages: &mut Messages,
    ) -> Result<Granted, NoTokens> {
        let title = format!("POST /token: {what}");
        let request = || self.request(self.token_endpoint.as_str());
        let answer = match proof {
            Proof::None => messages.post(&title, request(), form).await,
            Proof::OfPage(proof) => {
                messages.post(&format!("{title}, proof of the page"), request().header(PROOF, proof), form).await
            }
            Proof::Own(key) => {
                let title = format!("{title}, proof");
                let proven = || request().header(PROOF, key.proof(&Method::POST, &self.token_endpoint, None));
                match messages.post(&title, proven(), form).await {
                    Ok(answer) if key.learn_nonce(&self.token_endpoint, &answer) => {
                        messages.post(&title, proven(), form).await
                    }
                    answer => answer,
                }
            }
        };
        granted(answer, proof.holder())
    }

    fn request(&self, url: &str) -> RequestBuilder {
        // Neither half has a character that would have to be form-encoded first (RFC 6749 §2.3.1).
        self.http.post(url).basic_auth(WEB_APP, Some(WEB_APP_SECRET))
    }
}

fn granted(answer: reqwest::Result<Answer>, holder: Option<Holder>) -> Result<Granted, NoTokens> {
    let answer = answer.map_err(|_| NoTokens::Unreachable)?;
    let body = json_of(&answer);
    let member = |name: &str| body[name].as_str().map(ToOwned::to_owned);
    let nonce = answer.headers().get(NONCE).and_then(|nonce| nonce.to_str().ok()).map(ToOwned::to_owned);
    // A client that has sent a proof must refuse a token that is not bound to its key (RFC 9449 §5).
    let expected = if holder.is_some() { "DPoP" } else { "Bearer" };
    let is_expected = member("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case(expected));
    let description = member("error_description").or_else(|| member("error"));
    match (member("access_token"), body["error"].as_str()) {
        (Some(access_token), _) if answer.status().is_success() && is_expected => {
            let (refresh_token, id_token) = (member("refresh_token"), member("id_token"));
            Ok(Granted { access_token, refresh_token, id_token, holder, nonce })
        }
        (_, Some("use_dpop_nonce" | "invalid_dpop_proof")) => {
            let nonce = nonce.filter(|_| body["error"] == "use_dpop_nonce");
            Err(NoTokens::BadProof { description: description.unwrap_or_default(), nonce })
        }
        _ => Err(NoTokens::Refused(description.unwrap_or_else(|| format!("its answer has no {expected} token")))),
    }
}

fn claims(token: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?).ok()
}
