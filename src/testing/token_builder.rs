use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::{Map, Value};

use super::signing_key::SigningKey;
use super::unsigned_jwt::UnsignedJwt;
use crate::binding::certificate::ClientCertificate;
use crate::jose::{Algorithm, encode_base64url};
use crate::token::NumericDate;

/// Builds a token: a valid RFC 9068 access token, except that `aud` and `scope` are absent until they are set.
///
/// Every header parameter and claim can be set to anything, or omitted.
#[derive(Clone)]
#[must_use = "`sign` makes the token"]
pub struct TokenBuilder {
    pub(super) key: Arc<SigningKey>,
    pub(super) algorithm: Algorithm,
    jwt: UnsignedJwt,
    now: SystemTime,
}

impl TokenBuilder {
    pub(super) fn new(issuer: &str, key: Arc<SigningKey>, algorithm: Algorithm, id: u64, now: SystemTime) -> Self {
        let kid = key.kid.clone();
        Self { key, algorithm, jwt: UnsignedJwt::default(), now }
            .header("typ", "at+jwt")
            .header("alg", algorithm.name())
            .header("kid", kid)
            .claim("iss", issuer)
            .subject("user-1")
            .client_id("client-1")
            .claim("jti", format!("token-{id}"))
            .claim("iat", whole(seconds(now)))
            .expires_in(Duration::from_secs(300))
    }

    /// Sets `aud` to one audience. For an array, use [`claim`](Self::claim).
    pub fn audience(self, audience: &str) -> Self {
        self.claim("aud", audience)
    }

    /// Sets `sub`. Default: `user-1`.
    pub fn subject(self, subject: &str) -> Self {
        self.claim("sub", subject)
    }

    /// Sets `client_id`. Default: `client-1`.
    pub fn client_id(self, client: &str) -> Self {
        self.claim("client_id", client)
    }

    /// Sets `scope`: scope tokens separated by spaces.
    pub fn scope(self, scope: &str) -> Self {
        self.claim("scope", scope)
    }

    /// Sets `exp` to `duration` after the issuer's current time. Default: 5 minutes.
    pub fn expires_in(self, duration: Duration) -> Self {
        let exp = seconds(self.now) + duration.as_secs_f64();
        self.claim("exp", whole(exp))
    }

    /// Sets `exp` to `duration` before the issuer's current time.
    pub fn expired_for(self, duration: Duration) -> Self {
        let exp = seconds(self.now) - duration.as_secs_f64();
        self.claim("exp", whole(exp))
    }

    /// Binds the token to the client certificate with this DER form: adds its thumbprint to `cnf` as `x5t#S256` (RFC 8705 §3.1). The token
    /// is then valid only over a connection with that certificate. If [`bound_to`](Self::bound_to) is also called, the token is bound in
    /// both ways.
    ///
    /// ```
    /// use tower_bearer::certificate::ClientCertificate;
    /// use tower_bearer::testing::{TestCertificate, TestIssuer};
    ///
    /// let (issuer, certificate) = (TestIssuer::start(), TestCertificate::new());
    /// let token = issuer.token().audience("https://api.example.test").bound_to_certificate(certificate.der()).sign();
    /// // A request with the token and this extension, as a TLS server would insert it:
    /// let extension: ClientCertificate = certificate.extension();
    /// # assert_eq!((token.split('.').count(), extension), (3, ClientCertificate::from_der(certificate.der())));
    /// ```
    pub fn bound_to_certificate(self, der: impl AsRef<[u8]>) -> Self {
        self.confirmed_by("x5t#S256", ClientCertificate::from_der(der).thumbprint())
    }

    /// Adds a member to `cnf`.
    pub(super) fn confirmed_by(self, name: &str, thumbprint: &str) -> Self {
        let mut cnf = self.jwt.claims.get("cnf").and_then(Value::as_object).cloned().unwrap_or_default();
        cnf.insert(name.to_owned(), thumbprint.into());
        self.claim("cnf", cnf)
    }

    /// Sets a claim to any value that serializes as JSON.
    ///
    /// # Panics
    ///
    /// If `value` does not serialize.
    pub fn claim(mut self, name: &str, value: impl Serialize) -> Self {
        self.jwt.set_claim(name, value);
        self
    }

    /// Omits a claim.
    pub fn without_claim(mut self, name: &str) -> Self {
        self.jwt.claims.remove(name);
        self
    }

    /// Sets a header parameter to any value that serializes as JSON.
    ///
    /// # Panics
    ///
    /// If `value` does not serialize.
    pub fn header(mut self, name: &str, value: impl Serialize) -> Self {
        self.jwt.set_header(name, value);
        self
    }

    /// Omits a header parameter.
    pub fn without_header(mut self, name: &str) -> Self {
        self.jwt.header.remove(name);
        self
    }

    /// Replaces the header with these bytes, which need not be JSON. The token is still signed.
    pub fn raw_header(mut self, header: impl Into<Vec<u8>>) -> Self {
        self.jwt.raw_header = Some(header.into());
        self
    }

    /// Replaces the payload with these bytes, which need not be JSON. The token is still signed.
    pub fn raw_payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.jwt.raw_payload = Some(payload.into());
        self
    }

    /// The claims as they are now.
    pub(super) fn claims(&self) -> &Map<String, Value> {
        &self.jwt.claims
    }

    /// The signing input: the first two parts, joined by a dot.
    #[must_use]
    pub fn signing_input(&self) -> String {
        self.jwt.signing_input()
    }

    /// The signed token.
    #[must_use]
    pub fn sign(&self) -> String {
        let input = self.signing_input();
        let signature = self.key.sign(self.algorithm, input.as_bytes());
        format!("{input}.{}", encode_base64url(signature))
    }
}

pub(super) fn seconds(time: SystemTime) -> f64 {
    NumericDate::from(time).seconds()
}

/// Rounded down to whole seconds, as issuers write dates.
#[expect(clippy::cast_possible_truncation, reason = "dates in tests fit an i64")]
pub(super) fn whole(seconds: f64) -> i64 {
    seconds.floor() as i64
}

impl fmt::Debug for TokenBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenBuilder")
            .field("header", &self.jwt.header)
            .field("claims", &self.jwt.claims)
            .finish_non_exhaustive()
    }
}
