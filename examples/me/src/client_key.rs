//! A client's key for DPoP, and the proofs that the client signs with it (RFC 9449).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use http::header::{HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, Response};
use serde_json::{Value, json};
use url::Url;

use crate::authorization_server::secrets::{base64url, random, sha256};

/// The header of a request with a proof.
pub(crate) const PROOF: HeaderName = HeaderName::from_static("dpop");
/// The header of an answer with a nonce for the next proof.
pub(crate) const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// A key for ES256, and the nonces of the servers that it has met.
pub(crate) struct ClientKey {
    pair: EcdsaKeyPair,
    /// The last one of each server, by its origin: another server does not accept it (§8.2).
    nonces: Mutex<HashMap<String, String>>,
}

impl ClientKey {
    pub(crate) fn generate() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("the system has random numbers");
        Self { pair, nonces: Mutex::default() }
    }

    /// A proof for one request (§4.2). With an access token it also shows that the request is one with that token.
    pub(crate) fn proof(&self, method: &Method, url: &Url, access_token: Option<&str>) -> String {
        let mut target = url.clone();
        target.set_query(None);
        target.set_fragment(None);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut claims = json!({ "jti": random(), "htm": method.as_str(), "htu": target, "iat": now });
        if let Some(token) = access_token {
            claims["ath"] = json!(base64url(sha256(token).as_ref()));
        }
        if let Some(nonce) = self.nonces().get(&origin(url)) {
            claims["nonce"] = json!(nonce);
        }
        self.sign(&json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk() }), &claims)
    }

    /// Keeps the nonce of an answer for the next proof, and tells whether the request is to be sent again with it (§8, §9).
    pub(crate) fn learn_nonce<B: AsRef<[u8]>>(&self, url: &Url, answer: &Response<B>) -> bool {
        self.keep_nonce(url, answer.headers());
        wants_nonce(answer)
    }

    /// Keeps the nonce of an answer for the next proof.
    pub(crate) fn keep_nonce(&self, url: &Url, headers: &HeaderMap) {
        if let Some(nonce) = headers.get(NONCE).and_then(|nonce| nonce.to_str().ok()) {
            self.nonces().insert(origin(url), nonce.to_owned());
        }
    }

    /// What tokens are bound to: the hash of the key (RFC 7638 §3).
    pub(crate) fn thumbprint(&self) -> String {
        // `jwk` has the required members alone, in the required order.
        base64url(sha256(&self.jwk().to_string()).as_ref())
    }

    fn jwk(&self) -> Value {
        // An uncompressed point: a 4, x and y (SEC 1 §2.3.3).
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        json!({ "crv": "P-256", "kty": "EC", "x": base64url(x), "y": base64url(y) })
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let [header, claims] = [header, claims].map(|part| base64url(part.to_string().as_bytes()));
        let input = format!("{header}.{claims}");
        let signature = self.pair.sign(&SystemRandom::new(), input.as_bytes()).expect("the system has random numbers");
        format!("{input}.{}", base64url(signature.as_ref()))
    }

    fn nonces(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Whether a server refuses a request only because it wants its nonce in the proof: an authorization server says so in the body
/// (§8), an API in its challenge (§9).
fn wants_nonce<B: AsRef<[u8]>>(answer: &Response<B>) -> bool {
    let says_so =
        |challenge: &HeaderValue| challenge.to_str().is_ok_and(|text| text.contains(r#"error="use_dpop_nonce""#));
    let body = serde_json::from_slice::<Value>(answer.body().as_ref()).unwrap_or_default();
    let headers = answer.headers();
    headers.contains_key(NONCE)
        && (headers.get_all(WWW_AUTHENTICATE).iter().any(says_so) || body["error"] == "use_dpop_nonce")
}
