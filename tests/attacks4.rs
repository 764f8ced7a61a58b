//! What must not get past a requirement, and what a refusal must not lose: attacks on the language of requirements, the
//! challenges, the sources and the responders.

use std::time::{Duration, SystemTime};

use axum::routing::get;
use tower_bearer::Require;
use tower_bearer::rejection::RejectionKind;
use tower_bearer::require::Lack;
use tower_bearer::testing::TestClock;

use crate::harness::{builder_with_keys, good, small_issuer};

/// J3: validity comes first, whenever it is asked for. A conversation outlives the request that brought the token.
#[tokio::test]
async fn a_late_check_does_not_pass_a_token_that_has_expired_meanwhile() {
    let issuer = small_issuer();
    let clock = TestClock::new();
    let api = builder_with_keys(issuer.url(), &issuer.jwks()).clock(clock.clone()).build().unwrap();
    let token = good(&issuer).expires_in(Duration::from_secs(300));
    let token = api.verify(&token.sign()).await.unwrap();
    let requirement = Require::scope("read:me").or(Require::token());
    clock.advance(Duration::from_secs(300 + 28));
    assert!(api.check(&token, &requirement).is_ok(), "within the leeway");
    clock.advance(Duration::from_secs(3));
    let rejection = api.check(&token, &requirement).unwrap_err();
    assert_eq!((rejection.kind(), rejection.error()), (RejectionKind::InvalidToken, Some("invalid_token")));
    assert!(rejection.challenge().unwrap().to_str().unwrap().contains(r#"error="invalid_token""#));
    let shortfall = requirement.check(&token, SystemTime::now() + Duration::from_secs(3600)).unwrap_err();
    assert_eq!((shortfall.lack(), shortfall.scope()), (Lack::Freshness, None));
    // What it lacks besides is for later: the client has to get another token first.
    let shortfall = Require::scope("pay").acr("mfa").check(&token, SystemTime::now() + Duration::from_secs(3600));
    assert_eq!(shortfall.unwrap_err().lack(), Lack::Freshness);
}
