use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand;
use serde::Serialize;

use super::private_key::PrivateKey;
use crate::jose::encode_base64url;

/// How long an assertion is good. RFC 7523 §3 leaves it open. A minute is enough for one request and a clock that is a little wrong.
const LIFETIME: Duration = Duration::from_secs(60);
/// The number of random bytes in a `jti`: 2¹²⁸ values, so that none occurs twice.
const JTI_LENGTH: usize = 16;

/// The JWT by which a client authenticates (RFC 7523 §3, rfc7523bis).
pub(super) struct Assertion<'a> {
    pub(super) client_id: &'a str,
    pub(super) issuer: &'a str,
}

#[derive(Serialize)]
struct Header<'a> {
    /// rfc7523bis §4: an explicit type, so that no other kind of JWT can be taken for an assertion.
    typ: &'static str,
    alg: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    /// rfc7523bis §4: the identifier of the issuer and nothing else. A URL of an endpoint that a stranger's metadata names could be
    /// that of another server, and the assertion could be used there.
    aud: &'a str,
    jti: &'a str,
    iat: u64,
    exp: u64,
}

impl Assertion<'_> {
    /// A new assertion. `None` if there are no random bytes, or the signature cannot be made.
    pub(super) fn sign(&self, key: &PrivateKey, now: SystemTime) -> Option<String> {
        let mut jti = [0; JTI_LENGTH];
        rand::fill(&mut jti).ok()?;
        let iat = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let header =
            Header { typ: "client-authentication+jwt", alg: key.signing_algorithm().name(), kid: key.signing_key_id() };
        let claims = Claims {
            iss: self.client_id,
            sub: self.client_id,
            aud: self.issuer,
            jti: &encode_base64url(jti),
            iat,
            exp: iat + LIFETIME.as_secs(),
        };
        let mut jwt = format!("{}.{}", encoded(&header)?, encoded(&claims)?);
        let signature = key.sign(jwt.as_bytes())?;
        jwt.push('.');
        jwt.push_str(&encode_base64url(signature));
        Some(jwt)
    }
}

fn encoded(part: &impl Serialize) -> Option<String> {
    serde_json::to_vec(part).ok().map(encode_base64url)
}
