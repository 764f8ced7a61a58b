//! Issuer, audience and type.

use serde_json::json;
use tower_bearer::server::ConfigError;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{Issuer, ResourceServer};

use super::all_requests;
use crate::harness::sets::texts;
use crate::harness::{
    AUDIENCE, ISSUER, app, assert_accepted, assert_refused, fetches, good, present, server, small_issuer, strict_server,
};

/// Row D12.
#[tokio::test]
async fn an_unknown_issuer_is_refused_without_a_fetch() {
    let (issuer, evil) = (small_issuer(), small_issuer());
    let api = app(&server(&issuer));
    let (own, foreign) = (issuer.url(), evil.url());
    let tokens = [
        ("a stranger's", good(&evil).sign()),
        ("a stranger's kid", good(&evil).header("kid", "x").sign()),
        ("no iss", good(&issuer).without_claim("iss").sign()),
        ("empty", good(&issuer).claim("iss", "").sign()),
        ("both", good(&issuer).claim("iss", [own, foreign]).sign()),
        ("both in one", good(&issuer).claim("iss", format!("{own} {foreign}")).sign()),
        ("within the other's", good(&issuer).claim("iss", format!("{foreign}/{own}")).sign()),
        ("a user name", good(&issuer).claim("iss", foreign.replace("//", "//login@")).sign()),
        ("a file", good(&issuer).claim("iss", "file:///etc/passwd").sign()),
    ];
    assert_refused(&api, tokens).await;
    assert_eq!((all_requests(&issuer), all_requests(&evil)), (0, 0));
}

/// Row D12.
#[tokio::test]
async fn tokens_that_cannot_pass_cause_no_fetch() {
    let issuer = small_issuer();
    let api = app(&server(&issuer));
    let token = || good(&issuer).header("kid", "unknown");
    let other = "https://other.example.test";
    let tokens = [
        ("another alg", token().header("alg", "HS256").sign()),
        ("another type", token().header("typ", "logout+jwt").sign()),
        ("another audience", token().audience(other).sign()),
        ("expired", token().claim("exp", 1_500_000_000).sign()),
        ("not yet valid", token().claim("nbf", 4_102_444_800_u64).sign()),
        ("from the future", token().claim("iat", 4_102_444_800_u64).sign()),
        ("an ID token", token().claim("at_hash", "x").sign()),
        ("bound", token().claim("cnf", json!({})).sign()),
        ("without a subject", token().without_claim("sub").sign()),
        ("critical", token().header("crit", ["x"]).sign()),
        ("twice", token().raw_payload(r#"{"iss":"x","iss":"y"}"#).sign()),
        ("long", token().claim("x", "x".repeat(16 * 1024)).sign()),
    ];
    assert_refused(&api, tokens).await;
    assert_eq!(fetches(&issuer), (0, 0));
    present(&api, &token().sign()).await.assert_invalid_token();
    assert_ne!(fetches(&issuer), (0, 0), "the name alone would have cost one");
}

/// Row D14.
#[test]
fn an_empty_or_invalid_audience_is_a_configuration_error() {
    let issuer = || Issuer::discover("https://issuer.example.test").unwrap();
    for audience in ["", "\n", "a\0", "\u{e9}"] {
        let error = Some(ConfigError::Audience { value: audience.into() });
        assert_eq!(ResourceServer::builder(audience).trust(issuer()).build().err(), error);
        assert_eq!(ResourceServer::builder(AUDIENCE).trust(issuer().audiences([audience])).build().err(), error);
    }
    assert!(ResourceServer::builder(AUDIENCE).trust(issuer()).build().is_ok());
}

/// Row D14.
#[tokio::test]
async fn an_issuer_audience_replaces_the_server_audience() {
    let (one, two) = (small_issuer(), small_issuer());
    let api = ResourceServer::builder(AUDIENCE).trust(one.issuer()).trust(two.issuer().audiences(["a", "b"]));
    let api = app(&api.build().unwrap());
    let for_whom = |issuer: &TestIssuer, audience: &'static str| (audience, good(issuer).audience(audience).sign());
    assert_accepted(&api, [for_whom(&one, AUDIENCE), for_whom(&two, "a"), for_whom(&two, "b")]).await;
    assert_refused(&api, [for_whom(&one, "a"), for_whom(&one, "b"), for_whom(&two, AUDIENCE), for_whom(&two, "c")])
        .await;
}

/// Row D17.
#[tokio::test]
async fn other_types_are_refused() {
    for api in [app(&server(&ISSUER)), app(&strict_server(&ISSUER))] {
        let types = texts("other types");
        assert_refused(&api, types.iter().map(|typ| (typ, good(&ISSUER).header("typ", typ).sign()))).await;
    }
}
