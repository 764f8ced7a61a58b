//! Tokens, signed by the test issuer.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tower_bearer::Scope;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{TestIssuer, TokenBuilder};

use super::grants::Grant;
use super::opaque::OpaqueTokens;
use super::secrets;

/// What OpenID Connect expects of every provider, and a key of another kind than that of the access tokens.
pub(crate) const ID_TOKEN_ALGORITHM: Algorithm = Algorithm::RS256;

/// By whom access tokens are issued, for which API, and for which key.
pub(crate) struct Mint<'a> {
    pub(crate) issuer: &'a TestIssuer,
    pub(crate) audience: &'a str,
    /// When they are issued: not later than the grant is used, so that what ends the grant ends them too.
    pub(crate) now: SystemTime,
    /// In seconds.
    pub(crate) lifetime: u64,
    /// The thumbprint of the key that they are bound to, if the client has proved one.
    pub(crate) jkt: Option<&'a str>,
    /// Where opaque tokens are remembered. Without it, access tokens are JWTs.
    pub(crate) opaque: Option<&'a OpaqueTokens>,
}

impl Mint<'_> {
    /// The answer of RFC 6749 §5.1 for a user's grant, with an ID token if it is the first of an OpenID request.
    pub(crate) fn for_user(&self, grant: &Grant, refresh_token: Option<&str>, with_id_token: bool) -> Value {
        let token = self.access_token(&grant.subject, &grant.client_id, &grant.scope);
        let token = token.claim("acr", &grant.acr).claim("auth_time", seconds(grant.auth_time));
        let access_token = self.issue(&token, refresh_token);
        let with_id_token = with_id_token && grant.scope.contains("openid");
        let mut answer = self.answer(&access_token, &grant.scope);
        answer["refresh_token"] = json!(refresh_token);
        answer["id_token"] = json!(with_id_token.then(|| id_token(self.issuer, grant, &access_token)));
        without_nulls(answer)
    }

    /// The answer for a client that acts for itself: it is its own subject (RFC 9068 §2.2), and no user was authenticated.
    pub(crate) fn for_client(&self, client_id: &str, scope: &Scope) -> Value {
        let token = self.access_token(client_id, client_id, scope);
        self.answer(&self.issue(&token, None), scope)
    }

    /// An opaque token ends with the refresh token that comes with it.
    fn issue(&self, token: &TokenBuilder, refresh_token: Option<&str>) -> String {
        self.opaque.map_or_else(|| token.sign(), |opaque| opaque.issue(token, refresh_token))
    }

    /// RFC 9068 §2, and RFC 9449 §6.1 for a bound one.
    fn access_token(&self, subject: &str, client_id: &str, scope: &Scope) -> TokenBuilder {
        let now = seconds(self.now);
        let token = self.issuer.token().claim("iat", now).claim("exp", now + self.lifetime);
        let token = token
            .audience(self.audience)
            .subject(subject)
            .client_id(client_id)
            .scope(scope.as_str())
            .claim("jti", secrets::random());
        match self.jkt {
            Some(jkt) => token.claim("cnf", json!({ "jkt": jkt })),
            None => token,
        }
    }

    fn answer(&self, access_token: &str, scope: &Scope) -> Value {
        let token_type = if self.jkt.is_some() { "DPoP" } else { "Bearer" };
        json!({
            "access_token": access_token, "token_type": token_type, "expires_in": self.lifetime, "scope": scope.as_str(),
        })
    }
}

/// OpenID Connect Core §2 and §3.1.3.6.
fn id_token(issuer: &TestIssuer, grant: &Grant, access_token: &str) -> String {
    let digest = secrets::sha256(access_token);
    let half = &digest.as_ref()[..16];
    let token =
        issuer.token_by(ID_TOKEN_ALGORITHM).header("typ", "JWT").without_claim("client_id").without_claim("jti");
    let token = token.audience(&grant.client_id).subject(&grant.subject).claim("at_hash", secrets::base64url(half));
    let token = token.claim("acr", &grant.acr).claim("auth_time", seconds(grant.auth_time));
    match &grant.nonce {
        Some(nonce) => token.claim("nonce", nonce),
        None => token,
    }
    .sign()
}

/// Since 1970.
pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn without_nulls(mut answer: Value) -> Value {
    if let Some(members) = answer.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    answer
}
