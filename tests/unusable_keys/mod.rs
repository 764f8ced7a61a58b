//! Key sets are not trusted blindly: a key that cannot be used safely is skipped with a reason, and the others still work.

mod cases;
mod selection;
mod skipped;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tower_bearer::jose::{Algorithm, JwkSet};
use tower_bearer::testing::TokenBuilder;
use tower_bearer::{Issuer, ResourceServer};

use crate::harness::{AUDIENCE, ISSUER};

/// The only names by which a usable JWK and its neighbours are told apart here.
fn jwk(kty: &str, variant: Option<&str>) -> Value {
    let jwks = ISSUER.jwks();
    let is_it = |jwk: &&Value| {
        jwk["kty"] == kty && variant.is_none_or(|variant| jwk["crv"] == variant || jwk["alg"] == variant)
    };
    jwks["keys"].as_array().unwrap().iter().find(is_it).unwrap().clone()
}

fn rsa() -> Value {
    jwk("RSA", None)
}

fn p256() -> Value {
    jwk("EC", Some("P-256"))
}

fn ed25519() -> Value {
    jwk("OKP", Some("Ed25519"))
}

fn ml_dsa() -> Value {
    jwk("AKP", Some("ML-DSA-44"))
}

fn with(mut jwk: Value, member: &str, value: impl Into<Value>) -> Value {
    jwk[member] = value.into();
    jwk
}

fn without(mut jwk: Value, member: &str) -> Value {
    jwk.as_object_mut().unwrap().remove(member).unwrap();
    jwk
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn bytes(jwk: &Value, member: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(jwk[member].as_str().unwrap()).unwrap()
}

/// A member of a good key with its bytes changed.
fn altered(jwk: Value, member: &str, alter: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut value = bytes(&jwk, member);
    alter(&mut value);
    with(jwk, member, b64(value))
}

/// A set as raw text, because duplicate members do not survive a `Value`.
fn set<'a>(entries: impl IntoIterator<Item = &'a String>) -> String {
    let entries: Vec<_> = entries.into_iter().map(String::as_str).collect();
    format!(r#"{{"keys":[{}]}}"#, entries.join(","))
}

fn keys(entries: impl IntoIterator<Item = Value>) -> JwkSet {
    let entries: Vec<_> = entries.into_iter().collect();
    JwkSet::from_json(json!({ "keys": entries }).to_string().as_bytes()).unwrap()
}

/// A server that knows just these keys of [`ISSUER`], without any network.
fn server_with(keys: JwkSet) -> ResourceServer {
    ResourceServer::builder(AUDIENCE).trust(Issuer::keys(ISSUER.url(), keys).unwrap()).build().unwrap()
}

fn token(algorithm: Algorithm) -> TokenBuilder {
    ISSUER.token_by(algorithm).audience(AUDIENCE).scope("read:me")
}
