//! DPoP proofs, and the clients that make them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{TestClient, TestIssuer};

use super::case::Request;
use super::key::changed;
use super::mint::{Ground, Minted, Recipe, moment};
use super::setup::{Setup, url_of, with_kid};

/// What a proof is for: the token with which it is sent, and the request.
pub(super) struct Purpose<'a> {
    pub(super) token: &'a [u8],
    pub(super) request: &'a Request,
    /// A nonce of the server, asked for if the case has none yet.
    pub(super) nonce: &'a dyn Fn() -> String,
}

impl Recipe {
    /// Makes the `number`th proof of its kind.
    pub(super) fn mint_proof(
        &self,
        setup: &Setup,
        stranger: &TestIssuer,
        number: usize,
        purpose: &Purpose<'_>,
    ) -> Minted {
        let Purpose { token, request, nonce } = purpose;
        let (url, hash) = (url(setup, request), hash(token));
        let client = self.maker();
        let method = request.method.as_deref().unwrap_or("GET");
        let good = client.proof(method, &url, "").claim("ath", &*hash).header("jwk", self.jwk(setup));
        let good = match self.by.as_deref() {
            None => good,
            Some("another") => good.signed_by(&another_client(self.algorithm())),
            Some(other) => panic!("unknown name {other}"),
        };
        let look_up = |place: &str| match place {
            "htu" => Some(url.clone().into_bytes()),
            "base" => Some(setup.base_url().into_bytes()),
            "ath" => Some(hash.clone().into_bytes()),
            "nonce" => Some(nonce().into_bytes()),
            place if place.starts_with("nonce flip ") => {
                let bit: usize = place["nonce flip ".len()..].parse().unwrap();
                let mut bytes = URL_SAFE_NO_PAD.decode(nonce()).unwrap();
                bytes[bit / 8] ^= 0x80 >> (bit % 8);
                Some(URL_SAFE_NO_PAD.encode(bytes).into_bytes())
            }
            place => moment(place, number).or_else(|| url_of(place, &setup.issuer, stranger)),
        };
        // With a name, as the keys of an issuer have it.
        let jwks = || json!({ "keys": [with_kid(client.jwk(), "client")] });
        self.finish(&good, &Ground { own: &setup.own, jwks: &jwks, look_up: &look_up })
    }

    /// The thumbprint of the key that the token with this proof is bound to: that in the proof, unless another client makes it.
    pub(super) fn jkt(&self, setup: &Setup) -> String {
        let jwk = if self.client.is_some() { None } else { thumbprint(&self.jwk(setup)) };
        jwk.unwrap_or_else(|| jkt_of(self.algorithm()))
    }

    /// The key in the proof.
    fn jwk(&self, setup: &Setup) -> Value {
        let jwk = if self.input.is_some() { setup.own.jwk() } else { self.maker().jwk() };
        self.jwk.as_ref().map_or(jwk.clone(), |change| changed(jwk, change))
    }

    fn maker(&self) -> Arc<TestClient> {
        match self.client.as_deref() {
            None => client(self.algorithm()),
            Some("another") => another_client(self.algorithm()),
            Some(other) => panic!("unknown name {other}"),
        }
    }
}

/// The thumbprint of the client that signs by this algorithm.
pub(super) fn jkt_of(algorithm: Algorithm) -> String {
    thumbprint(&client(algorithm).jwk()).unwrap()
}

fn client(algorithm: Algorithm) -> Arc<TestClient> {
    the_client(algorithm, 1)
}

fn another_client(algorithm: Algorithm) -> Arc<TestClient> {
    the_client(algorithm, 2)
}

/// Each has a key of its own, which is made at the first use.
fn the_client(algorithm: Algorithm, number: u8) -> Arc<TestClient> {
    type Clients = BTreeMap<(&'static str, u8), Arc<TestClient>>;
    static CLIENTS: LazyLock<Mutex<Clients>> = LazyLock::new(Mutex::default);
    let mut clients = CLIENTS.lock().unwrap();
    Arc::clone(clients.entry((algorithm.name(), number)).or_insert_with(|| Arc::new(TestClient::new(algorithm))))
}

/// RFC 7638 §3, RFC 9964: another implementation than the crate's. `None` if the JWK lacks a member of it.
fn thumbprint(jwk: &Value) -> Option<String> {
    let names: &[&str] = match jwk["kty"].as_str()? {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        "AKP" => &["alg", "kty", "pub"],
        "oct" => &["k", "kty"],
        _ => return None,
    };
    let member = |name: &&str| Some(format!("\"{name}\":{}", jwk[*name].as_str().map(Value::from)?));
    let members: Vec<_> = names.iter().map(member).collect::<Option<_>>()?;
    Some(hash(format!("{{{}}}", members.join(",")).as_bytes()))
}

fn hash(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, bytes))
}

/// The URL of the request as its client knows it, without query and fragment.
fn url(setup: &Setup, request: &Request) -> String {
    let target = request.target.as_deref().filter(|target| target.starts_with('/')).unwrap_or("/api/me");
    let path = target.split(['?', '#']).next().unwrap();
    format!("{}{path}", setup.base_url())
}
