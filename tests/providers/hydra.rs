//! An issuer that sends an empty audience, such as Ory Hydra

use serde_json::{Value, json};
use tower_bearer::jose::{JsonError, JwkSet};
use tower_bearer::validation::{Profile, TokenError};
use tower_bearer::{Issuer, ResourceServer};

use super::{KEYS, NOW, Provider, audience, missing};
use crate::harness::{AUDIENCE, clock_at};

fn hydra(profile: Profile) -> Provider {
    let issuer = Issuer::discover("https://hydra.example.com/").unwrap().identify_by_client(["shop-web"]);
    let claims = json!({
        "aud": [],
        "client_id": "shop-web",
        "ext": {},
        "iss": "https://hydra.example.com/",
        "jti": "7d9b1f5c-0f3e-4a53-8f9b-2f4f0a1f6a51",
        "nbf": NOW - 60,
        "scp": ["read:me"],
        "sub": "user-1",
    });
    let provider = Provider::new(issuer.clone(), AUDIENCE, json!({ "typ": "JWT" }), claims);
    let keys = JwkSet::from_json(KEYS.jwks().to_string().as_bytes()).unwrap();
    let clock = clock_at(NOW);
    let server = ResourceServer::builder(AUDIENCE).trust(issuer.keys_from(keys)).clock(clock).profile(profile);
    Provider { api: server.build().unwrap(), ..provider }
}

/// Rows C6, E28.
#[test]
fn accepts_listed_clients_instead_of_an_audience() {
    let provider = hydra(Profile::Generic);
    for aud in [json!([]), json!(null), json!(AUDIENCE), json!(["x", AUDIENCE])] {
        assert_eq!(provider.accepts(&json!({ "aud": aud })).client_id(), Some("shop-web"), "{aud}");
    }
    provider.accepts(&json!({ "client_id": null, "azp": "shop-web" }));
    let client = TokenError::Client { found: "x".into(), expected: ["shop-web"].into() };
    let malformed = TokenError::Payload(JsonError::WrongType { name: "aud".into() });
    provider.refuses([
        ("another client's", json!({ "client_id": "x" }), client.clone()),
        ("though somebody else was authorized", json!({ "client_id": "x", "azp": "shop-web" }), client),
        ("without a client", json!({ "client_id": null }), missing("client_id")),
        ("an ID token", json!({ "aud": ["shop-web"] }), audience(["shop-web"], AUDIENCE)),
        ("another server's", json!({ "aud": ["x"] }), audience(["x"], AUDIENCE)),
        ("an empty name", json!({ "aud": "" }), audience([""], AUDIENCE)),
        ("empty names", json!({ "aud": [""] }), audience([""], AUDIENCE)),
        ("no string", json!({ "aud": 5 }), malformed.clone()),
        ("no strings", json!({ "aud": [5] }), malformed.clone()),
        ("an object", json!({ "aud": {} }), malformed),
    ]);
}

/// Row C4.
#[test]
fn the_strict_profile_always_requires_an_audience() {
    let provider = hydra(Profile::Rfc9068);
    let verdict = |aud: Value| provider.verdict(&json!({ "typ": "at+jwt" }), &json!({ "scp": null, "aud": aud })).err();
    assert_eq!(verdict(json!(AUDIENCE)), None);
    assert_eq!(verdict(json!(null)), Some(missing("aud")));
    assert_eq!(verdict(json!([])), Some(audience([], AUDIENCE)));
}
