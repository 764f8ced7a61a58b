use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest;
use serde::Serialize;
use serde_json::{Value, json};

use super::signing_key::SigningKey;
use super::token_builder::{TokenBuilder, seconds, whole};
use super::unsigned_jwt::UnsignedJwt;
use crate::clock::{Clock, SystemClock};
use crate::jose::{Algorithm, JwkSet, encode_base64url};

/// A client with its own key, for tests of sender-constrained tokens: it signs DPoP proofs (RFC 9449).
///
/// ```
/// use tower_bearer::jose::Algorithm;
/// use tower_bearer::testing::{TestClient, TestIssuer};
///
/// let issuer = TestIssuer::builder().algorithms([Algorithm::ES256]).start();
/// let client = TestClient::new(Algorithm::ES256);
/// let token = issuer.token().audience("https://api.example.test").bound_to(&client).sign();
/// let proof = client.proof("GET", "https://api.example.test/me", &token).sign();
/// // The request has `Authorization: DPoP <token>` and `DPoP: <proof>`.
/// assert_eq!(proof.split('.').count(), 3);
/// ```
pub struct TestClient {
    key: Arc<SigningKey>,
    algorithm: Algorithm,
    clock: Arc<dyn Clock>,
    offset: Offset,
    proofs: AtomicU64,
}

/// How far the clock of a client is off.
#[derive(Clone, Copy)]
enum Offset {
    Ahead(Duration),
    Behind(Duration),
}

impl TestClient {
    /// A client with a new key for `algorithm`.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        let key = Arc::new(SigningKey::generate(algorithm, 1));
        let offset = Offset::Ahead(Duration::ZERO);
        Self { key, algorithm, clock: Arc::new(SystemClock), offset, proofs: AtomicU64::new(1) }
    }

    /// Sets the clock by which proofs are made. Default: the system's.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// Makes proofs by a clock that is ahead of the [clock](Self::clock) by this much.
    #[must_use]
    pub fn ahead_by(self, offset: Duration) -> Self {
        Self { offset: Offset::Ahead(offset), ..self }
    }

    /// Makes proofs by a clock that is behind the [clock](Self::clock) by this much.
    #[must_use]
    pub fn behind_by(self, offset: Duration) -> Self {
        Self { offset: Offset::Behind(offset), ..self }
    }

    fn now(&self) -> SystemTime {
        match self.offset {
            Offset::Ahead(offset) => self.clock.now() + offset,
            Offset::Behind(offset) => self.clock.now() - offset,
        }
    }

    /// The public key as in proofs: a JWK with only the members that identify the key.
    #[must_use]
    pub fn jwk(&self) -> Value {
        self.key.bare_jwk()
    }

    /// The thumbprint of the key (RFC 7638): the `jkt` of a token that is [bound](TokenBuilder::bound_to) to it.
    ///
    /// # Panics
    ///
    /// If the crate refuses its own key.
    #[must_use]
    pub fn jkt(&self) -> String {
        let set = JwkSet::from_json(json!({ "keys": [self.jwk()] }).to_string().as_bytes()).expect("a key set");
        set.keys().first().expect("a usable key").thumbprint().to_string()
    }

    /// A builder for a valid proof for one request: its method, its URL without query and fragment, and its access token. Each
    /// proof has its own `jti`.
    pub fn proof(&self, method: &str, url: &str, token: &str) -> ProofBuilder {
        let id = self.proofs.fetch_add(1, Ordering::Relaxed);
        let builder =
            ProofBuilder { key: Arc::clone(&self.key), algorithm: self.algorithm, jwt: UnsignedJwt::default() };
        builder
            .header("typ", "dpop+jwt")
            .header("alg", self.algorithm.name())
            .header("jwk", self.jwk())
            .claim("jti", format!("proof-{id}"))
            .claim("htm", method)
            .claim("htu", url)
            .issued_at(self.now())
            .for_token(token)
    }
}

impl fmt::Debug for TestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestClient").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// Builds a DPoP proof (RFC 9449 §4.2).
///
/// Every header parameter and claim can be set to anything, or omitted, so that a test can break a single rule.
#[derive(Clone)]
#[must_use = "`sign` makes the proof"]
pub struct ProofBuilder {
    key: Arc<SigningKey>,
    algorithm: Algorithm,
    jwt: UnsignedJwt,
}

impl ProofBuilder {
    /// Sets `iat`, rounded down to a whole second. Default: the client's current time. For a fraction, use
    /// [`claim`](Self::claim).
    pub fn issued_at(self, time: SystemTime) -> Self {
        self.claim("iat", whole(seconds(time)))
    }

    /// Sets `ath` to the hash of this access token.
    pub fn for_token(self, token: &str) -> Self {
        self.claim("ath", encode_base64url(digest::digest(&digest::SHA256, token.as_bytes())))
    }

    /// Sets `nonce`, as the server sent it in `DPoP-Nonce`. Default: none.
    pub fn nonce(self, nonce: &str) -> Self {
        self.claim("nonce", nonce)
    }

    /// Sets `jti`. Default: a new one for each proof of the client.
    pub fn id(self, id: &str) -> Self {
        self.claim("jti", id)
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

    /// Replaces the header with these bytes, which need not be JSON. The proof is still signed.
    pub fn raw_header(mut self, header: impl Into<Vec<u8>>) -> Self {
        self.jwt.raw_header = Some(header.into());
        self
    }

    /// Replaces the payload with these bytes, which need not be JSON. The proof is still signed.
    pub fn raw_payload(mut self, payload: impl Into<Vec<u8>>) -> Self {
        self.jwt.raw_payload = Some(payload.into());
        self
    }

    /// Signs with the key of `other` but changes nothing else, so `jwk` is still the client's: a forged proof.
    pub fn signed_by(mut self, other: &TestClient) -> Self {
        self.key = Arc::clone(&other.key);
        self
    }

    /// The signing input: the first two parts, joined by a dot.
    #[must_use]
    pub fn signing_input(&self) -> String {
        self.jwt.signing_input()
    }

    /// The signed proof: the value of the `DPoP` header.
    #[must_use]
    pub fn sign(&self) -> String {
        let input = self.signing_input();
        let signature = self.key.sign(self.algorithm, input.as_bytes());
        format!("{input}.{}", encode_base64url(signature))
    }
}

impl fmt::Debug for ProofBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofBuilder")
            .field("header", &self.jwt.header)
            .field("claims", &self.jwt.claims)
            .finish_non_exhaustive()
    }
}

impl TokenBuilder {
    /// Binds the token to the key of `client`: adds its `jkt` to `cnf` (RFC 9449 §6.1). The token is then valid only with a
    /// [proof](TestClient::proof) of that client.
    pub fn bound_to(self, client: &TestClient) -> Self {
        self.confirmed_by("jkt", &client.jkt())
    }
}
