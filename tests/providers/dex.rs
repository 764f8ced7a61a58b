//! dex, whose access tokens are made as its ID tokens are

use serde_json::{Value, json};
use tower_bearer::Issuer;
use tower_bearer::validation::TokenError;

use super::{Provider, audience, issuer, missing, other_kind, pointer};

const ISSUER: &str = "https://dex.example.com/dex";
const API: &str = "shop-api";

pub(super) fn dex() -> Provider {
    dex_of(Issuer::dex(ISSUER).unwrap())
}

fn dex_of(issuer: Issuer) -> Provider {
    let claims = json!({
        "iss": ISSUER,
        "sub": "CiQwOGE4Njg0Yi1kYjg4LTRiNzMtOTBhOS0zY2QxNjYxZjU0NjYSBWxvY2Fs",
        "aud": [API, "shop-web"],
        "jti": "b2c5f3a1-7f5d-4f1c-8b3e-2d1c0a9e8f70",
        "azp": "shop-web",
        "nonce": "n-0S6_WzA2Mj",
        "at_hash": "LDktKdoQak3Pk0cnXxCltA",
        "email": "ada@example.com",
        "email_verified": true,
        "groups": ["buyers"],
        "name": "Ada",
    });
    Provider::new(issuer, API, json!({}), claims)
}

#[test]
fn accepts_its_access_tokens() {
    let provider = dex();
    let token = provider.accepts(&json!({}));
    assert_eq!(token.client_id(), Some("shop-web"));
    assert!(token.scope().is_empty());
    assert_eq!(pointer(&token, "/groups/0"), "buyers");
    // A client that gets a token for itself has a subject of its own form.
    let client = provider.accepts(&json!({ "sub": "CghzaG9wLXdlYg", "nonce": null, "email": null, "groups": null }));
    assert!(!client.is_client());
    provider.refuses_strangers();
}

#[test]
fn refuses_id_tokens_that_can_be_told_apart() {
    dex().refuses([
        ("of a sign-in at the client of that name", json!({ "aud": API, "azp": null }), missing("azp")),
        ("as an array", json!({ "aud": [API], "azp": null }), missing("azp")),
        ("an empty client", json!({ "azp": "" }), missing("azp")),
        ("a client under another name", json!({ "azp": null, "client_id": "shop-web" }), missing("azp")),
        ("of a sign-in at a client", json!({ "aud": "shop-web", "azp": null }), missing("azp")),
        ("of the code flow", json!({ "c_hash": "x" }), other_kind("c_hash")),
        ("of a token exchange", json!({ "at_hash": null }), missing("at_hash")),
        ("a logout token", json!({ "events": {}, "azp": null, "at_hash": null }), other_kind("events")),
    ]);
}

#[test]
fn refuses_tokens_for_others() {
    dex().refuses([
        ("another API's", json!({ "aud": ["billing", "shop-web"] }), audience(["billing", "shop-web"], API)),
        ("another issuer's", json!({ "iss": "https://dex.example.org/dex" }), issuer("https://dex.example.org/dex")),
        ("with a slash", json!({ "iss": "https://dex.example.com/dex/" }), issuer("https://dex.example.com/dex/")),
        ("bound to a key", json!({ "cnf": { "jkt": "x" } }), TokenError::Bound),
        ("no subject", json!({ "sub": null }), missing("sub")),
    ]);
    let clients = dex_of(Issuer::dex(ISSUER).unwrap().client_as_subject());
    assert_eq!(clients.accepts(&json!({ "sub": null })).subject(), "shop-web");
}

/// The preset of dex is the only one that accepts the hash, and it accepts no other mark of an ID token.
#[test]
fn only_this_preset_accepts_the_hash_of_an_access_token() {
    let generic = dex_of(Issuer::discover(ISSUER).unwrap());
    generic.refuses([("a token of dex", json!({}), other_kind("at_hash"))]);
    for claim in ["c_hash", "s_hash", "events", "htm", "htu"] {
        let mut claims = json!({});
        claims[claim] = Value::from("x");
        assert_eq!(dex().verdict(&json!({}), &claims).err(), Some(other_kind(claim)));
    }
}
