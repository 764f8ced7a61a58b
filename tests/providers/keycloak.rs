//! Keycloak

use serde_json::{Value, json};
use tower_bearer::Issuer;
use tower_bearer::jose::{JwsError, UnusableJwk};
use tower_bearer::validation::TokenError;
use tower_bearer::validation::VerifyError;

use super::{KEYS, NOW, Provider, audience, issuer, merged, missing, other_kind, pointer, scopes};
use crate::harness::AUDIENCE;

pub(super) fn keycloak() -> Provider {
    // The key for encryption has the same material: only what it is for tells it apart.
    let mut jwks = KEYS.jwks();
    let mut encryption = jwks["keys"][0].clone();
    encryption["kid"] = json!("enc-1");
    encryption["alg"] = json!("RSA-OAEP");
    encryption["use"] = json!("enc");
    jwks["keys"].as_array_mut().unwrap().insert(0, encryption);
    Provider::with_keys(
        Issuer::keycloak("https://id.example.com", "shop").unwrap(),
        &jwks,
        AUDIENCE,
        json!({ "typ": "JWT" }),
        json!({
            "jti": "onrtac:0b3f1c39-6a3e-4a29-9a35-6c6b7c2d1e01",
            "iss": "https://id.example.com/realms/shop",
            "aud": [AUDIENCE, "account"],
            "sub": "1f0c7b52-7d5f-4bb3-8f1a-3d5c8e6a9b10",
            "typ": "Bearer",
            "azp": "shop-web",
            "sid": "5a9d1f6e-2c3b-4d7e-8f90-a1b2c3d4e5f6",
            "acr": "1",
            "auth_time": NOW - 120,
            "allowed-origins": ["https://shop.example.com"],
            "realm_access": { "roles": ["offline_access", "buyer"] },
            "resource_access": { "account": { "roles": ["manage-account"] } },
            "scope": "openid profile read:me",
            "email_verified": true,
            "preferred_username": "ada",
        }),
    )
}

#[test]
fn accepts_its_access_tokens() {
    let provider = keycloak();
    let token = provider.accepts(&json!({}));
    assert_eq!(token.client_id(), Some("shop-web"));
    assert_eq!(scopes(&token), ["openid", "profile", "read:me"]);
    assert_eq!(token.roles(), ["offline_access", "buyer"]);
    assert!(token.has_role("buyer") && !token.has_role("manage-account"), "a role of a client is none of the realm");
    assert_eq!(provider.accepts(&json!({ "realm_access": null, "roles": ["buyer"] })).roles(), [""; 0]);
    // From 26.2 on a client may ask for the type of RFC 9068; and one may write the payload's in lower case.
    provider.verdict(&json!({ "typ": "at+jwt" }), &json!({})).unwrap();
    provider.accepts(&json!({ "typ": "bearer" }));
    provider.refuses_strangers();
}

#[test]
fn refuses_its_other_tokens() {
    let provider = keycloak();
    let id = json!({ "typ": "ID", "aud": AUDIENCE, "nonce": "n" });
    provider.refuses([
        ("an ID token, for a client of that name", id, other_kind("typ")),
        ("its at_hash alone", json!({ "at_hash": "LDktKdoQak3Pk0cnXxCltA" }), other_kind("at_hash")),
        ("a refresh token", json!({ "typ": "Refresh", "aud": AUDIENCE }), other_kind("typ")),
        ("an offline token", json!({ "typ": "Offline" }), other_kind("typ")),
        ("a logout token", json!({ "typ": "Logout", "events": {} }), other_kind("events")),
        ("an action token", json!({ "typ": "verify-email" }), other_kind("typ")),
        ("a token of no type", json!({ "typ": null }), missing("typ")),
        ("a token that is bound", json!({ "typ": "Bearer", "cnf": { "jkt": "x" } }), TokenError::Bound),
    ]);
    // What it really sends as a refresh token is signed with the realm's secret.
    let refresh = provider.token(&json!({ "alg": "HS512" }), &json!({ "typ": "Refresh" }));
    let unknown = TokenError::Jws(JwsError::Algorithm { found: "HS512".into() });
    assert_eq!(provider.api.try_verify(&refresh).err(), Some(VerifyError::Token(unknown)));
}

#[test]
fn refuses_tokens_for_others() {
    let other = "https://id.example.com/realms/other";
    keycloak().refuses([
        ("another realm's", json!({ "iss": other }), issuer(other)),
        (
            "with a slash",
            json!({ "iss": "https://id.example.com/realms/shop/" }),
            issuer("https://id.example.com/realms/shop/"),
        ),
        (
            "by the internal host",
            json!({ "iss": "http://keycloak:8080/realms/shop" }),
            issuer("http://keycloak:8080/realms/shop"),
        ),
        ("no audience mapper", json!({ "aud": "account" }), audience(["account"], AUDIENCE)),
        ("no audience at all", json!({ "aud": null }), missing("aud")),
    ]);
}

/// What a lightweight access token has without any mapper.
fn lightweight() -> Value {
    json!({
        "aud": null, "sub": null, "acr": null, "auth_time": null, "allowed-origins": null, "realm_access": null,
        "resource_access": null, "email_verified": null, "preferred_username": null,
    })
}

#[test]
fn accepts_lightweight_access_tokens_if_mappers_add_what_is_required() {
    let provider = keycloak();
    let with = |added: Value| merged(&lightweight(), &added);
    let token = provider.accepts(&with(json!({ "aud": AUDIENCE, "sub": "1f0c7b52" })));
    assert_eq!((token.subject(), token.client_id()), ("1f0c7b52", Some("shop-web")));
    assert!(pointer(&token, "/realm_access").is_null());
    let mut untyped = with(json!({ "aud": AUDIENCE, "sub": "1f0c7b52" }));
    untyped["typ"] = Value::Null;
    provider.refuses([
        ("no mapper", lightweight(), missing("sub")),
        ("no mapper of the audience", with(json!({ "sub": "1f0c7b52" })), missing("aud")),
        ("no mapper of the subject", with(json!({ "aud": AUDIENCE })), missing("sub")),
        ("a refresh token", with(json!({ "aud": AUDIENCE, "sub": "1f0c7b52", "typ": "Refresh" })), other_kind("typ")),
        ("no type", untyped, missing("typ")),
    ]);
}

/// Row E16.
#[test]
fn skips_its_encryption_key() {
    let provider = keycloak();
    let status = provider.api.status().remove(0);
    assert_eq!(status.key_ids, ["rsa-1".into()]);
    let [skipped] = &*status.skipped else { panic!("{:?}", status.skipped) };
    assert_eq!(skipped.reason, UnusableJwk::Use { usage: "enc".into() });
    let token = provider.token(&json!({ "kid": "enc-1" }), &json!({}));
    assert!(provider.api.try_verify(&token).is_err());
}
