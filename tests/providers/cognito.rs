//! Amazon Cognito

use serde_json::json;
use tower_bearer::server::ConfigError;
use tower_bearer::validation::TokenError;
use tower_bearer::{Issuer, ResourceServer};

use super::{NOW, Provider, audience, issuer, missing, other_kind, pointer, scopes};
use crate::harness::AUDIENCE;

pub(super) const POOL: &str = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI";

pub(super) fn cognito() -> Provider {
    Provider::new(
        Issuer::cognito("eu-central-1_AbCdEfGhI", ["client-a", "client-b"]).unwrap(),
        AUDIENCE,
        json!({}),
        json!({
            "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
            "cognito:groups": ["buyers"],
            "iss": POOL,
            "version": 2,
            "client_id": "client-a",
            "origin_jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
            "event_id": "64f513be-32db-42b0-b78e-b02127b4f463",
            "token_use": "access",
            "scope": "openid https://api.example.test/read",
            "auth_time": NOW - 120,
            "jti": "dcec61aa-d2cb-4d4f-9b2c-6e0ae2d8a9c4",
            "username": "ada",
        }),
    )
}

#[test]
fn accepts_access_tokens_of_listed_clients() {
    let provider = cognito();
    let token = provider.accepts(&json!({}));
    assert_eq!(token.client_id(), Some("client-a"));
    assert_eq!(token.audience().count(), 0);
    assert_eq!(scopes(&token), ["openid", "https://api.example.test/read"]);
    assert_eq!(pointer(&token, "/cognito:groups/0"), "buyers");
    provider.accepts(&json!({ "client_id": "client-b", "sub": "client-b", "username": null }));
    assert!(provider.accepts(&json!({ "aud": AUDIENCE })).audience().eq([AUDIENCE]), "asked for with a resource");
    provider.refuses_strangers();
}

#[test]
fn refuses_other_clients_and_other_tokens() {
    let client = |found: &str| TokenError::Client { found: found.into(), expected: ["client-a", "client-b"].into() };
    let other = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_ZZZ";
    let id = json!({ "token_use": "id", "aud": "client-a", "client_id": null, "cognito:username": "ada" });
    cognito().refuses([
        ("another app client's", json!({ "client_id": "client-c" }), client("client-c")),
        ("though it is for this server", json!({ "client_id": "client-c", "aud": AUDIENCE }), client("client-c")),
        ("an ID token", id, other_kind("token_use")),
        ("no token_use", json!({ "token_use": null }), missing("token_use")),
        ("another token_use", json!({ "token_use": "ACCESS" }), other_kind("token_use")),
        ("no client", json!({ "client_id": null }), missing("client_id")),
        (
            "another resource's",
            json!({ "aud": "https://other.example.test" }),
            audience(["https://other.example.test"], AUDIENCE),
        ),
        ("an audience that is its client", json!({ "aud": "client-a" }), audience(["client-a"], AUDIENCE)),
        ("another pool's", json!({ "iss": other }), issuer(other)),
    ]);
}

/// Row D14.
#[test]
fn a_client_list_must_not_be_empty() {
    let build = |issuer: Issuer| ResourceServer::builder(AUDIENCE).trust(issuer).build().err();
    let none = build(Issuer::cognito("eu-central-1_AbCdEfGhI", [""; 0]).unwrap());
    assert_eq!(none, Some(ConfigError::NoClient { issuer: POOL.to_owned() }));
    let empty = build(Issuer::cognito("eu-central-1_AbCdEfGhI", ["client-a", ""]).unwrap());
    assert_eq!(empty, Some(ConfigError::EmptyClient { issuer: POOL.to_owned() }));
    let hydra = Issuer::discover("https://hydra.example.com/").unwrap();
    let none = build(hydra.clone().identify_by_client([""; 0]));
    assert_eq!(none, Some(ConfigError::NoClient { issuer: "https://hydra.example.com/".to_owned() }));
    assert_eq!(build(hydra.identify_by_client(["a"]).identify_by_client(["b"])), None);
}
