//! Verification without a request, and configuration errors of the builder.

use std::time::Duration;

use tower_bearer::jose::Algorithm;
use tower_bearer::server::ConfigError;
use tower_bearer::testing::{Endpoint, Fault};
use tower_bearer::validation::TokenError;
use tower_bearer::validation::VerifyError;
use tower_bearer::{Issuer, ResourceServer};

use crate::harness::{AUDIENCE, good, server, small_issuer};

#[tokio::test]
async fn errors_name_the_found_and_the_expected_value() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let error = api.verify(&good(&issuer).audience("other").sign()).await.unwrap_err();
    let expected = TokenError::Audience { found: ["other"].into(), expected: [AUDIENCE].into() };
    assert_eq!(error, VerifyError::Token(expected));
    assert_eq!(
        error.to_string(),
        format!("the token is refused: the audience is [\"other\"], expected one of [\"{AUDIENCE}\"]")
    );
}

#[tokio::test]
async fn try_verify_never_waits_and_starts_the_fetch() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let token = good(&issuer).sign();
    let unavailable = VerifyError::KeysUnavailable { retry_after: Duration::from_secs(1) };
    assert_eq!(api.try_verify(&token).unwrap_err(), unavailable);
    assert!(matches!(api.try_verify("x"), Err(VerifyError::Token(TokenError::Jws(_)))), "needs no key");
    while api.try_verify(&token).is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(issuer.requests(Endpoint::Jwks), 1);
}

#[test]
fn try_verify_outside_of_a_runtime_does_not_panic() {
    let issuer = small_issuer();
    let unavailable = VerifyError::KeysUnavailable { retry_after: Duration::from_secs(1) };
    assert_eq!(server(&issuer).try_verify(&good(&issuer).sign()).unwrap_err(), unavailable);
}

#[tokio::test]
async fn a_failing_issuer_is_not_a_token_error() {
    let issuer = small_issuer();
    issuer.fail(Endpoint::Jwks, Fault::Status(500));
    let api = server(&issuer);
    assert!(matches!(api.verify(&good(&issuer).sign()).await, Err(VerifyError::KeysUnavailable { .. })));
    assert!(matches!(api.verify("x").await, Err(VerifyError::Token(_))));
}

#[tokio::test]
async fn audiences_and_algorithms_are_per_issuer() {
    let (one, other) = (small_issuer(), small_issuer());
    let api = ResourceServer::builder(AUDIENCE)
        .trust(one.issuer())
        .trust(other.issuer().audiences(["a", "b"]).algorithms([Algorithm::RS256, Algorithm::ES256]))
        .build()
        .unwrap();
    assert!(api.verify(&good(&one).sign()).await.is_ok());
    assert!(api.verify(&good(&one).audience("a").sign()).await.is_err());
    assert!(api.verify(&good(&other).audience("a").sign()).await.is_ok());
    assert!(api.verify(&good(&other).audience("b").sign()).await.is_ok());
    assert!(api.verify(&good(&other).sign()).await.is_err());

    let narrow = ResourceServer::builder(AUDIENCE).trust(one.issuer().algorithms([Algorithm::RS256])).build().unwrap();
    let error = narrow.verify(&good(&one).sign()).await.unwrap_err();
    assert_eq!(error, VerifyError::Token(TokenError::Algorithm { found: Algorithm::ES256 }));
    assert_eq!(one.requests(Endpoint::Jwks), 1, "and nothing was fetched for it");
}

#[test]
fn invalid_settings_are_configuration_errors() {
    let issuer = || Issuer::discover("https://login.example.com").unwrap();
    let error = |audience: &str, issuer: Issuer| ResourceServer::builder(audience).trust(issuer).build().unwrap_err();
    assert_eq!(error("", issuer()), ConfigError::Audience { value: String::new() });
    assert_eq!(error("a\n", issuer()), ConfigError::Audience { value: "a\n".into() });
    assert_eq!(error("a", issuer().audiences(["é"])), ConfigError::Audience { value: "é".into() });
    let issuer_name = "https://login.example.com".to_owned();
    assert_eq!(error("a", issuer().algorithms([])), ConfigError::NoAlgorithm { issuer: issuer_name.clone() });
    let twice = ResourceServer::builder("a").trust(issuer()).trust(issuer()).build().unwrap_err();
    assert_eq!(twice, ConfigError::DuplicateIssuer { value: issuer_name });
    let realm = ResourceServer::builder("a").realm("é").trust(issuer()).build().unwrap_err();
    assert_eq!(realm, ConfigError::Realm { value: "é".into() });
    let leeway = ResourceServer::builder("a").leeway(Duration::from_secs(61)).trust(issuer()).build().unwrap_err();
    assert_eq!(leeway.to_string(), "the leeway is 61 s, expected at most 60 s");
    assert_eq!(
        error("a", Issuer::discover("http://login.example.com").unwrap()).to_string(),
        "\"http://login.example.com/\" would be fetched over plain http, expected https, or insecure_http for a network that you trust"
    );
}
