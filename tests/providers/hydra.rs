//! Ory Hydra, and any issuer that sends an empty audience

use serde_json::{Value, json};
use tower_bearer::jose::{JsonError, JwkSet};
use tower_bearer::validation::{Profile, TokenError};
use tower_bearer::{Issuer, ResourceServer};

use super::{KEYS, NOW, Provider, audience, issuer, missing, other_kind, pointer, scopes};
use crate::harness::{AUDIENCE, clock_at};

const ISSUER: &str = "https://hydra.example.com/";

pub(super) fn hydra() -> Provider {
    hydra_of(Issuer::hydra(ISSUER).unwrap())
}

fn hydra_of(issuer: Issuer) -> Provider {
    Provider::new(issuer, AUDIENCE, json!({ "typ": "JWT" }), claims(&json!([AUDIENCE])))
}

fn claims(aud: &Value) -> Value {
    json!({
        "aud": aud,
        "client_id": "shop-web",
        "ext": { "plan": "gold" },
        "iss": ISSUER,
        "jti": "7d9b1f5c-0f3e-4a53-8f9b-2f4f0a1f6a51",
        "nbf": NOW - 60,
        "scp": ["read:me"],
        "sub": "user-1",
    })
}

/// An issuer without a preset.
fn generic(profile: Profile) -> Provider {
    let issuer = Issuer::discover(ISSUER).unwrap().identify_by_client(["shop-web"]);
    let provider = Provider::new(issuer.clone(), AUDIENCE, json!({ "typ": "JWT" }), claims(&json!([])));
    let keys = JwkSet::from_json(KEYS.jwks().to_string().as_bytes()).unwrap();
    let clock = clock_at(NOW);
    let server = ResourceServer::builder(AUDIENCE).trust(issuer.keys_from(keys)).clock(clock).profile(profile);
    Provider { api: server.build().unwrap(), ..provider }
}

#[test]
fn accepts_its_access_tokens() {
    let provider = hydra();
    let token = provider.accepts(&json!({}));
    assert_eq!(token.client_id(), Some("shop-web"));
    assert_eq!(scopes(&token), ["read:me"]);
    assert_eq!(pointer(&token, "/ext/plan"), "gold");
    // How scopes are written is a setting.
    assert_eq!(scopes(&provider.accepts(&json!({ "scp": null, "scope": "read:me write" }))), ["read:me", "write"]);
    assert_eq!(scopes(&provider.accepts(&json!({ "scope": "read:me" }))), ["read:me"]);
    // A client is the subject of what it gets for itself.
    assert!(provider.accepts(&json!({ "sub": "shop-web" })).is_client() && !token.is_client());
    provider.refuses_strangers();
}

#[test]
fn refuses_its_other_tokens() {
    let id = json!({
        "aud": [AUDIENCE], "client_id": null, "ext": null, "scp": null, "nonce": "n", "sid": "s", "rat": NOW, "acr": "0",
    });
    let hybrid = json!({ "client_id": null, "c_hash": "x" });
    hydra().refuses([
        ("an ID token, for a client of that name", id, missing("client_id")),
        ("with its client in azp", json!({ "client_id": null, "azp": "shop-web" }), missing("client_id")),
        ("an empty client", json!({ "client_id": "" }), missing("client_id")),
        ("with an access token", json!({ "at_hash": "LDktKdoQak3Pk0cnXxCltA" }), other_kind("at_hash")),
        ("of the hybrid flow", hybrid, other_kind("c_hash")),
        ("a logout token", json!({ "events": {} }), other_kind("events")),
    ]);
}

#[test]
fn refuses_tokens_for_others() {
    let other = "https://other.example.test";
    hydra().refuses([
        ("another API's", json!({ "aud": [other] }), audience([other], AUDIENCE)),
        ("for no API", json!({ "aud": [] }), audience([], AUDIENCE)),
        ("without the slash", json!({ "iss": "https://hydra.example.com" }), issuer("https://hydra.example.com")),
        ("another issuer's", json!({ "iss": "https://hydra.example.org/" }), issuer("https://hydra.example.org/")),
        ("without a subject", json!({ "sub": null }), missing("sub")),
        ("bound to a key", json!({ "cnf": { "jkt": "x" } }), TokenError::Bound),
    ]);
    let clients = hydra_of(Issuer::hydra(ISSUER).unwrap().client_as_subject());
    assert_eq!(clients.accepts(&json!({ "sub": null })).subject(), "shop-web");
}

/// Rows C6, E28.
#[test]
fn the_preset_accepts_listed_clients_instead_of_an_audience() {
    let provider = hydra_of(Issuer::hydra(ISSUER).unwrap().identify_by_client(["shop-web"]));
    for aud in [json!([]), json!(null), json!([AUDIENCE])] {
        provider.accepts(&json!({ "aud": aud }));
    }
    let client = TokenError::Client { found: "x".into(), expected: ["shop-web"].into() };
    provider.refuses([
        ("another client's", json!({ "aud": [], "client_id": "x" }), client),
        ("an ID token", json!({ "aud": ["shop-web"], "client_id": null }), missing("client_id")),
        ("with its client", json!({ "aud": ["shop-web"] }), audience(["shop-web"], AUDIENCE)),
    ]);
}

/// Rows C6, E28.
#[test]
fn accepts_listed_clients_instead_of_an_audience() {
    let provider = generic(Profile::Generic);
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
    let provider = generic(Profile::Rfc9068);
    let verdict = |aud: Value| provider.verdict(&json!({ "typ": "at+jwt" }), &json!({ "scp": null, "aud": aud })).err();
    assert_eq!(verdict(json!(AUDIENCE)), None);
    assert_eq!(verdict(json!(null)), Some(missing("aud")));
    assert_eq!(verdict(json!([])), Some(audience([], AUDIENCE)));
}
