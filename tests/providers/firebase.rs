//! Firebase Authentication

use serde_json::json;
use tower_bearer::{Issuer, Require, ResourceServer};

use super::{NOW, Provider, audience, issuer, missing, other_kind, pointer};
use crate::harness::AUDIENCE;

const PROJECT: &str = "https://securetoken.google.com/shop-1a2b3";

pub(super) fn firebase() -> Provider {
    by(Issuer::firebase("shop-1a2b3").unwrap())
}

/// The server's audience is another one.
fn by(issuer: Issuer) -> Provider {
    Provider::new(
        issuer,
        AUDIENCE,
        json!({ "typ": "JWT" }),
        json!({
            "name": "Ada Lovelace",
            "admin": true,
            "iss": PROJECT,
            "aud": "shop-1a2b3",
            "auth_time": NOW - 600,
            "user_id": "aX3kQ9v1o2cVwT7yZ0b4Lm6n8pQ2",
            "sub": "aX3kQ9v1o2cVwT7yZ0b4Lm6n8pQ2",
            "email": "ada@example.com",
            "email_verified": true,
            "firebase": { "identities": { "email": ["ada@example.com"] }, "sign_in_provider": "password" },
        }),
    )
}

#[test]
fn accepts_users_of_the_project() {
    let provider = firebase();
    let token = provider.accepts(&json!({}));
    assert_eq!((token.subject(), token.client_id()), ("aX3kQ9v1o2cVwT7yZ0b4Lm6n8pQ2", None));
    assert!(token.scope().is_empty() && token.audience().eq(["shop-1a2b3"]) && token.auth_time().is_some());
    assert_eq!(pointer(&token, "/firebase/sign_in_provider"), "password");
    let administration = Require::token().and_claim_equals("/admin", true);
    assert!(provider.api.check(&token, &administration).is_ok());
    let anonymous = json!({
        "provider_id": "anonymous", "email": null, "email_verified": null, "name": null, "admin": null,
        "firebase": { "identities": {}, "sign_in_provider": "anonymous" },
    });
    let token = provider.accepts(&anonymous);
    assert!(provider.api.check(&token, &administration).is_err());
    provider.refuses_strangers();
}

/// The keys are those of all projects, so both claims have to name this one.
#[test]
fn refuses_users_of_other_projects() {
    let other = "https://securetoken.google.com/evil-1";
    let aud = |found| audience([found], "shop-1a2b3");
    firebase().refuses([
        ("another project's", json!({ "iss": other, "aud": "evil-1" }), issuer(other)),
        ("another project's, for this one", json!({ "iss": other }), issuer(other)),
        ("for another project", json!({ "aud": "evil-1" }), aud("evil-1")),
        ("for a project whose name goes on", json!({ "aud": "shop-1a2b34" }), aud("shop-1a2b34")),
        ("for this server", json!({ "aud": AUDIENCE }), aud(AUDIENCE)),
        ("for nobody", json!({ "aud": null }), missing("aud")),
        ("with a slash", json!({ "iss": format!("{PROJECT}/") }), issuer(&format!("{PROJECT}/"))),
    ]);
}

#[test]
fn refuses_other_tokens_of_the_project() {
    let session = "https://session.firebase.google.com/shop-1a2b3";
    let account = "firebase-adminsdk@shop-1a2b3.iam.gserviceaccount.com";
    let toolkit = "https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit";
    let app_check = "https://firebaseappcheck.googleapis.com/123456789012";
    let function = "https://europe-west1-shop-1a2b3.cloudfunctions.net/beforeSignIn";
    let custom = json!({ "iss": account, "sub": account, "aud": toolkit, "uid": "u", "firebase": null });
    firebase().refuses([
        ("a session cookie", json!({ "iss": session }), issuer(session)),
        ("a custom token", custom, issuer(account)),
        ("of App Check", json!({ "iss": app_check, "sub": "1:1:web:1" }), issuer(app_check)),
        (
            "for a blocking function",
            json!({ "aud": function, "event_type": "beforeSignIn" }),
            audience([function], "shop-1a2b3"),
        ),
        ("of no user", json!({ "firebase": null }), missing("firebase")),
        ("without a subject", json!({ "sub": "" }), missing("sub")),
        ("with the hash of an access token", json!({ "at_hash": "x" }), other_kind("at_hash")),
    ]);
}

/// The emulator signs nothing (`alg` `none`).
/// Rows C2, D5.
#[test]
fn refuses_tokens_of_the_emulator() {
    let provider = firebase();
    let signed = provider.token(&json!({}), &json!({}));
    let payload = signed.split('.').nth(1).unwrap();
    assert!(provider.api.try_verify(&format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.")).is_err());
}

#[test]
fn a_stated_audience_replaces_the_project() {
    let provider = by(Issuer::firebase("shop-1a2b3").unwrap().audiences(["shop-old"]));
    provider.accepts(&json!({ "aud": "shop-old" }));
    provider.refuses([("the project's", json!({}), audience(["shop-1a2b3"], "shop-old"))]);
    assert!(ResourceServer::builder("shop-1a2b3").trust(Issuer::firebase("shop-1a2b3").unwrap()).build().is_ok());
}
