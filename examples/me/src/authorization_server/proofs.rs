//! DPoP proofs at the token endpoint (RFC 9449 §4.3, §5), which determine the key that the tokens are bound to.
//!
//! The crate checks proofs of requests *with* a token. Here there is no token yet, so this is a separate check, which shares the
//! rules for keys and the store of used proofs with the crate.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};
use tower_bearer::clock::SystemClock;
use tower_bearer::dpop::{Freshness, MemoryReplayStore, ReplayAnswer, ReplayEntry, ReplayKey, ReplayStore};
use tower_bearer::jose::{Algorithm, JwkSet};
use url::Url;

use super::nonces::{Nonces, PERIOD};
use crate::client_key::PROOF;

/// The one algorithm of proofs here.
pub(super) const PROOF_ALGORITHM: Algorithm = Algorithm::ES256;

/// How far `iat` may be from the time of this server, in seconds.
const WINDOW: f64 = 60.0;

/// No proof is accepted for longer than its nonce, nor for longer than two windows.
const KEEP_FOR: Duration = PERIOD.saturating_mul(2);

/// How the token endpoint checks proofs.
pub(crate) struct Proofs {
    token_endpoint: Url,
    is_required: bool,
    nonces: Option<Mutex<Nonces>>,
    used: MemoryReplayStore,
}

/// Why a request gets no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ProofError {
    #[error("a DPoP proof is required")]
    Missing,
    #[error("there is more than one DPoP header")]
    Several,
    #[error("the DPoP proof is not a signed JWT, or lacks a claim")]
    Malformed,
    #[error("typ of the DPoP proof is not dpop+jwt")]
    Type,
    #[error("alg of the DPoP proof is not ES256")]
    Algorithm,
    #[error("jwk of the DPoP proof is not a public key for ES256")]
    Key,
    #[error("htm of the DPoP proof is not POST")]
    Method,
    #[error("htu of the DPoP proof is not the token endpoint")]
    Target,
    #[error("iat of the DPoP proof is not within a minute of the server's time")]
    Time,
    #[error("the DPoP proof needs a nonce of this server")]
    Nonce,
    #[error("the signature of the DPoP proof is wrong")]
    Signature,
    #[error("the DPoP proof was used before")]
    Replayed,
}

impl ProofError {
    /// The code of RFC 9449 §5 and §8.
    pub(super) fn code(self) -> &'static str {
        if self == Self::Nonce { "use_dpop_nonce" } else { "invalid_dpop_proof" }
    }
}

#[derive(Deserialize)]
struct Header {
    typ: String,
    alg: String,
    jwk: Value,
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: f64,
    nonce: Option<String>,
}

impl Proofs {
    /// Proofs for the authorization server at this origin.
    pub(crate) fn at(origin: &str) -> Result<Self, url::ParseError> {
        let token_endpoint = Url::parse(&format!("{origin}/token"))?;
        Ok(Self { token_endpoint, is_required: false, nonces: None, used: MemoryReplayStore::new() })
    }

    /// Refuses token requests without a proof.
    pub(crate) fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    /// Wants a nonce in every proof, and then ignores `iat`.
    pub(crate) fn with_nonces(self) -> Self {
        Self { nonces: Some(Mutex::new(Nonces::new(SystemTime::now()))), ..self }
    }

    /// The nonce for the next proof, if one is needed.
    pub(super) fn nonce(&self, now: SystemTime) -> Option<HeaderValue> {
        let mut nonces = self.nonces.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        HeaderValue::try_from(nonces.current(now)).ok()
    }

    /// The thumbprint of the key that a token request proves, or none if it has no proof.
    pub(super) fn check(&self, headers: &HeaderMap, now: SystemTime) -> Result<Option<String>, ProofError> {
        let mut lines = headers.get_all(PROOF).iter();
        match (lines.next(), lines.next()) {
            (None, _) if self.is_required => Err(ProofError::Missing),
            (None, _) => Ok(None),
            (Some(proof), None) => self.key_of(proof.to_str().map_err(|_| ProofError::Malformed)?, now).map(Some),
            (Some(_), Some(_)) => Err(ProofError::Several),
        }
    }

    fn key_of(&self, proof: &str, now: SystemTime) -> Result<String, ProofError> {
        let (input, signature) = proof.rsplit_once('.').ok_or(ProofError::Malformed)?;
        let (header, claims) = input.split_once('.').ok_or(ProofError::Malformed)?;
        let header: Header = json_of(header)?;
        let key = PublicKey::of(&header)?;
        let claims: Claims = json_of(claims)?;
        self.check_claims(&claims, now)?;
        if !key.verifies(input, signature) {
            return Err(ProofError::Signature);
        }
        // Last, so that only a good proof counts as used.
        let id = ReplayKey::new(&key.thumbprint, &claims.htm, self.token_endpoint.as_str(), &claims.jti);
        match self.used.insert(ReplayEntry::new(id, KEEP_FOR, &SystemClock)) {
            ReplayAnswer::Now(Ok(Freshness::Fresh)) => Ok(key.thumbprint),
            _ => Err(ProofError::Replayed),
        }
    }

    fn check_claims(&self, claims: &Claims, now: SystemTime) -> Result<(), ProofError> {
        if claims.htm != "POST" {
            return Err(ProofError::Method);
        }
        let mut target = Url::parse(&claims.htu).map_err(|_| ProofError::Target)?;
        target.set_query(None);
        target.set_fragment(None);
        if target != self.token_endpoint {
            return Err(ProofError::Target);
        }
        if let Some(nonces) = &self.nonces {
            let mut nonces = nonces.lock().unwrap_or_else(PoisonError::into_inner);
            let is_ours = claims.nonce.as_deref().is_some_and(|nonce| nonces.accept(nonce, now));
            return if is_ours { Ok(()) } else { Err(ProofError::Nonce) };
        }
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        if (claims.iat - now).abs() <= WINDOW { Ok(()) } else { Err(ProofError::Time) }
    }
}

/// The key that a proof brings along.
struct PublicKey {
    thumbprint: String,
    point: Vec<u8>,
}

impl PublicKey {
    fn of(header: &Header) -> Result<Self, ProofError> {
        // With or without `application/` (RFC 7515 §4.1.9).
        if !["dpop+jwt", "application/dpop+jwt"].iter().any(|name| header.typ.eq_ignore_ascii_case(name)) {
            return Err(ProofError::Type);
        }
        if header.alg != PROOF_ALGORITHM.name() {
            return Err(ProofError::Algorithm);
        }
        // A critical extension would have to be understood, and none is (RFC 7515 §4.1.11).
        if header.crit.is_some() {
            return Err(ProofError::Malformed);
        }
        // A key set skips a key with a private member, and one whose kind is not what it states.
        let set = json!({ "keys": [header.jwk] }).to_string();
        let set = JwkSet::from_json(set.as_bytes()).map_err(|_| ProofError::Key)?;
        let key = set.keys().first().ok_or(ProofError::Key)?;
        if !key.algorithms().any(|algorithm| algorithm == PROOF_ALGORITHM) {
            return Err(ProofError::Key);
        }
        let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(header.jwk[name].as_str()?).ok();
        let (x, y) = coordinate("x").zip(coordinate("y")).ok_or(ProofError::Key)?;
        // An uncompressed point (SEC 1 §2.3.3).
        Ok(Self { thumbprint: key.thumbprint().to_string(), point: [&[4], &*x, &*y].concat() })
    }

    fn verifies(&self, input: &str, signature: &str) -> bool {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.point);
        URL_SAFE_NO_PAD.decode(signature).is_ok_and(|signature| key.verify(input.as_bytes(), &signature).is_ok())
    }
}

fn json_of<T: DeserializeOwned>(part: &str) -> Result<T, ProofError> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| ProofError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| ProofError::Malformed)
}
