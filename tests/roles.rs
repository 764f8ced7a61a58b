//! Roles: where each issuer writes them, and what a token without one is answered.

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use serde_json::{Value, json};
use tower_bearer::rejection::RejectionKind;
use tower_bearer::{AccessToken, Rejection, Require};

use crate::harness::challenge::Challenge;
use crate::harness::{good, present, server, small_issuer};

/// Row C10.
#[tokio::test]
async fn a_role_is_an_element_of_roles_or_the_value_of_one() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let app = Router::new().route("/me", get(async || ())).layer(Require::role("admin")).layer(api.layer());
    let forms: [(Value, &[&str]); 12] = [
        (json!(["buyer", "admin"]), &["buyer", "admin"]),
        (json!("admin"), &["admin"]),
        (json!([{ "value": "admin", "primary": true }, { "value": "buyer" }]), &["admin", "buyer"]),
        (json!(["buyer", { "display": "admin" }]), &["buyer"]),
        (json!(["Admin", "admin ", "admins", "adm"]), &["Admin", "admin ", "admins", "adm"]),
        (json!("admin,buyer"), &["admin,buyer"]),
        (json!({ "admin": true }), &[]),
        (json!({ "value": "admin" }), &[]),
        (json!([["admin"], { "value": ["admin"] }]), &[]),
        (json!([7, true, null, ""]), &[]),
        (json!([]), &[]),
        (json!(null), &[]),
    ];
    for (form, roles) in forms {
        let signed = good(&issuer).claim("roles", form.clone()).sign();
        let token = api.verify(&signed).await.unwrap();
        assert_eq!(token.roles(), roles, "{form}");
        assert_eq!(token.has_role("admin"), roles.contains(&"admin"), "{form}");
        assert!(
            !token.has_role("") && Require::role("").check(&token, std::time::SystemTime::now()).is_err(),
            "{form}"
        );
        let answer = present(&app, &signed).await;
        assert_eq!(answer.status == StatusCode::OK, roles.contains(&"admin"), "{form}");
    }
}

/// Who may make groups, and what a permission is called, is another matter than who has a role.
#[tokio::test]
async fn no_other_claim_grants_a_role() {
    let issuer = small_issuer();
    let api = server(&issuer);
    for (claim, value) in [
        ("groups", json!(["admin"])),
        ("entitlements", json!(["admin"])),
        ("permissions", json!(["admin"])),
        ("role", json!("admin")),
        ("realm_access", json!({ "roles": ["admin"] })),
        ("resource_access", json!({ "my-api": { "roles": ["admin"] } })),
        ("urn:zitadel:iam:org:project:roles", json!({ "admin": {} })),
        ("scope", json!("admin roles")),
        ("ext", json!({ "roles": ["admin"] })),
    ] {
        let token = api.verify(&good(&issuer).claim(claim, value).sign()).await.unwrap();
        assert!(!token.has_role("admin") && token.roles().is_empty(), "{claim}");
        assert!(api.check(&token, &Require::role("admin")).is_err(), "{claim}");
    }
}

/// A client cannot ask for a role, so no scope is named that would not help.
#[tokio::test]
async fn a_missing_role_is_403_without_a_scope() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let both = || Require::scope("read:me").and(Require::role("admin"));
    let cases = [
        (Require::role("admin"), "read:me", None),
        (both(), "read:me", None),
        // The role may be there once the scope is.
        (both(), "other", Some("read:me")),
        (Require::role("admin").or(Require::scope("admin:all")), "read:me", Some("admin:all")),
    ];
    for (requirement, granted, named) in cases {
        let app = Router::new().route("/me", get(async || ())).layer(requirement.clone()).layer(api.layer());
        let answer = present(&app, &good(&issuer).scope(granted).claim("roles", ["buyer"]).sign()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        let challenge = Challenge::of(&answer);
        assert_eq!(challenge.get("error"), Some("insufficient_scope"), "{requirement:?}");
        assert_eq!(challenge.get("scope"), named, "{requirement:?}");
        present(&app, &good(&issuer).scope("read:me").claim("roles", ["admin"]).sign()).await.assert_ok();
    }
    let handler = async |token: AccessToken| if token.has_role("admin") { "all of it" } else { "some of it" };
    let app = Router::new().route("/me", get(handler)).layer(api.layer());
    present(&app, &good(&issuer).sign()).await.assert_ok();
    let token = api.verify(&good(&issuer).sign()).await.unwrap();
    let refused: Rejection = api.check(&token, &Require::role("admin")).unwrap_err();
    assert_eq!(refused.kind(), RejectionKind::InsufficientScope);
}
