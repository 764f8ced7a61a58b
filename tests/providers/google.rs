//! Google

use serde_json::json;
use tower_bearer::server::ConfigError;
use tower_bearer::validation::TokenError;
use tower_bearer::{Issuer, ResourceServer};

use super::{Provider, audience, issuer, other_kind};
use crate::harness::AUDIENCE;

pub(super) fn google() -> Provider {
    Provider::new(
        Issuer::google(["100000000000000000001", "2"]).unwrap(),
        AUDIENCE,
        json!({ "typ": "JWT" }),
        json!({
            "aud": AUDIENCE,
            "azp": "100000000000000000001",
            "email": "worker@shop.iam.gserviceaccount.com",
            "email_verified": true,
            "iss": "https://accounts.google.com",
            "sub": "100000000000000000001",
        }),
    )
}

#[test]
fn accepts_listed_service_accounts() {
    let provider = google();
    let token = provider.accepts(&json!({}));
    assert_eq!((token.subject(), token.client_id()), ("100000000000000000001", Some("100000000000000000001")));
    assert!(token.scope().is_empty());
    provider.accepts(&json!({ "sub": "2", "azp": "2" }));
    provider.refuses_strangers();
}

#[test]
fn refuses_other_accounts() {
    let (bare, proxy) = ("accounts.google.com", "https://cloud.google.com/iap");
    let client = "32555940559.apps.googleusercontent.com";
    google().refuses([
        ("somebody else's service account", json!({ "sub": "3", "azp": "3" }), TokenError::Subject),
        ("who says that he is another", json!({ "sub": "3", "azp": "100000000000000000001" }), TokenError::Subject),
        ("a user's, with an access token", json!({ "at_hash": "x" }), other_kind("at_hash")),
        ("a user's, for an application", json!({ "aud": client, "azp": client }), audience([client], AUDIENCE)),
        ("another service's", json!({ "aud": "https://other.run.app" }), audience(["https://other.run.app"], AUDIENCE)),
        ("an old form of the issuer", json!({ "iss": bare }), issuer(bare)),
        ("of the Identity-Aware Proxy", json!({ "iss": proxy }), issuer(proxy)),
    ]);
    let none = ResourceServer::builder(AUDIENCE).trust(Issuer::google([""; 0]).unwrap()).build().err();
    assert_eq!(none, Some(ConfigError::NoSubject { issuer: "https://accounts.google.com".to_owned() }));
}
