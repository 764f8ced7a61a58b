//! Which tokens are refused, and when.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use tower_bearer::clock::Clock as _;
use tower_bearer::revocation::{Revocation, Revocations};
use tower_bearer::testing::TestClock;
use tower_bearer::validation::{TokenCache, TokenError, VerifyError};
use tower_bearer::{Require, ResourceServer};

use super::{LIFE, Rig};
use crate::harness::{AUDIENCE, app, builder_with_keys, present, small_issuer};

/// At its first use and when it is remembered.
#[tokio::test]
async fn a_token_is_refused_from_its_revocation_on() {
    for cache in [TokenCache::default(), TokenCache::off()] {
        for kind in 0..5 {
            let rig = Rig::with(|builder| builder.token_cache(cache.clone()));
            let (used, unused) = (rig.token(-60.0).sign(), rig.token(-59.0).sign());
            for _ in 0..4 {
                present(&rig.app, &used).await.assert_ok();
            }
            let issuer = rig.issuer.url();
            let revocation = match kind {
                0 => Revocation::session(issuer, "s"),
                1 => Revocation::token(issuer, "j"),
                2 => Revocation::subject(issuer, "alice"),
                3 => Revocation::client(issuer, "app"),
                _ => Revocation::issuer(issuer),
            };
            rig.revocations.revoke(&revocation).await.unwrap();
            for token in [&used, &unused, &used] {
                present(&rig.app, token).await.assert_invalid_token();
                assert_eq!(rig.api.verify(token).await.unwrap_err(), VerifyError::Token(TokenError::Revoked));
                assert_eq!(rig.api.try_verify(token).unwrap_err(), VerifyError::Token(TokenError::Revoked));
            }
            // Issued later; and another's, which is remembered too.
            let later = present(&rig.app, &rig.token(2.0).sign()).await;
            assert_eq!(later.status == StatusCode::OK, kind >= 2, "{revocation:?}");
            let other = rig.token(-60.0).subject("bob").client_id("b").claim("sid", "b").claim("jti", "b").sign();
            for _ in 0..3 {
                assert_eq!(present(&rig.app, &other).await.status == StatusCode::OK, kind < 4, "{revocation:?}");
            }
        }
    }
}

#[tokio::test]
async fn the_first_request_after_each_of_many_revocations_is_refused() {
    let rig = Rig::new();
    let other = rig.token(-60.0).subject("other").sign();
    for number in 0..1000 {
        let subject = format!("user-{number}");
        let token = rig.token(-60.0).subject(&subject).claim("sid", number.to_string()).sign();
        for _ in 0..3 {
            assert!(rig.api.verify(&token).await.is_ok());
        }
        let revocation = match number % 2 {
            0 => Revocation::subject(rig.issuer.url(), &subject),
            _ => Revocation::session(rig.issuer.url(), &number.to_string()),
        };
        rig.revocations.revoke(&revocation).await.unwrap();
        assert!(rig.api.verify(&token).await.is_err(), "{number}");
        assert!(rig.api.verify(&other).await.is_ok(), "{number}");
    }
    assert_eq!(rig.revocations.len(), 1000);
}

#[tokio::test]
async fn another_issuers_user_of_the_same_name_is_another() {
    let [one, other] = [small_issuer(), small_issuer()];
    let revocations = Revocations::new(LIFE);
    let api = ResourceServer::builder(AUDIENCE).trust(one.issuer()).trust(other.issuer());
    let api = api.revocations(revocations.clone()).build().unwrap();
    let [token, others] = [&one, &other].map(|issuer| issuer.token().audience(AUDIENCE).subject("alice").sign());
    revocations.revoke(&Revocation::subject(one.url(), "alice")).await.unwrap();
    assert!(api.verify(&token).await.is_err());
    assert!(api.verify(&others).await.is_ok());
}

/// An entry is forgotten in the end, so no token may outlive it.
#[tokio::test]
async fn a_token_lives_no_longer_than_its_revocation_is_remembered() {
    let rig = Rig::new();
    let with = |exp: f64| rig.token(-60.0).claim("exp", rig.now() - 60.0 + exp).sign();
    for (token, error) in [
        (with(LIFE.as_secs_f64()), None),
        (with(LIFE.as_secs_f64() + 1.0), Some(TokenError::LivesTooLong { lifetime: 86401.0, limit: 86400.0 })),
        (rig.token(0.0).without_claim("iat").sign(), Some(TokenError::Missing { claim: "iat" })),
    ] {
        assert_eq!(rig.api.verify(&token).await.err(), error.map(VerifyError::Token));
    }
    let error = TokenError::LivesTooLong { lifetime: 86401.0, limit: 86400.0 };
    assert_eq!(
        error.to_string(),
        "the token lives for 86401 s, expected at most 86400 s, for which revocations are remembered"
    );
    // Without revocations there is no such rule.
    let api = builder_with_keys(rig.issuer.url(), &rig.issuer.jwks()).clock(rig.clock.clone()).build().unwrap();
    assert!(api.verify(&with(10.0 * LIFE.as_secs_f64())).await.is_ok());
    assert!(api.verify(&rig.token(0.0).without_claim("iat").sign()).await.is_ok());
}

#[tokio::test]
async fn a_revocation_may_name_an_earlier_time() {
    let rig = Rig::new();
    let (before, after) = (rig.token(-600.0).sign(), rig.token(-300.0).sign());
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs_f64(rig.now() - 400.0);
    rig.revocations.revoke(&Revocation::subject(rig.issuer.url(), "alice").at(at)).await.unwrap();
    assert!(rig.api.verify(&before).await.is_err());
    assert!(rig.api.verify(&after).await.is_ok());
}

#[tokio::test]
async fn a_full_table_is_an_error_and_forgets_nothing() {
    let issuer = small_issuer();
    let revocations = Revocations::new(LIFE).quota(1);
    let api =
        ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).revocations(revocations.clone()).build().unwrap();
    let token = |subject: &str| issuer.token().audience(AUDIENCE).subject(subject).sign();
    let (alice, bob) = (token("alice"), token("bob"));
    revocations.revoke(&Revocation::subject(issuer.url(), "alice")).await.unwrap();
    assert!(revocations.revoke(&Revocation::subject(issuer.url(), "bob")).await.is_err());
    assert!(api.verify(&alice).await.is_err() && api.verify(&bob).await.is_ok());
}

/// The entry for the user's tokens without a session never ends, and those of the sessions do.
#[tokio::test]
async fn signing_out_every_day_does_not_come_to_end_other_sessions() {
    let rig = Rig::new();
    let sign_out = async |sid: &str| {
        rig.revocations.revoke(&Revocation::session_of(rig.issuer.url(), sid, "alice")).await.unwrap();
    };
    for day in 0..40 {
        sign_out(&day.to_string()).await;
        rig.clock.advance(LIFE);
    }
    let other = rig.token(-60.0).claim("sid", "other").sign();
    sign_out("today").await;
    assert!(rig.api.verify(&other).await.is_ok());
    // All on one day are too many.
    for number in 0..20 {
        sign_out(&format!("again {number}")).await;
    }
    assert!(rig.api.verify(&other).await.is_err());
}

/// The time of day is wrong for a moment, in which something is revoked. Nobody would look for the others for ten years.
#[tokio::test]
async fn a_time_of_day_that_was_set_forward_for_a_moment_leaves_room() {
    let clock = TestClock::new();
    let revocations = Revocations::new(LIFE).clock(clock.clone()).quota(150);
    let revoke = async |sid: &str| revocations.revoke(&Revocation::session("https://login.example.com", sid)).await;
    for number in 0..149 {
        revoke(&number.to_string()).await.unwrap();
    }
    let now = clock.now();
    clock.set(now + 3650 * LIFE);
    revoke("in ten years").await.unwrap();
    clock.set(now);
    clock.advance(2 * LIFE);
    revoke("later").await.unwrap();
    assert_eq!(revocations.len(), 2);
}

/// Several servers with one handle, and the checks of a handler.
#[tokio::test]
async fn every_server_with_the_handle_refuses_the_token() {
    let rig = Rig::new();
    let other = ResourceServer::builder(AUDIENCE).trust(rig.issuer.issuer()).clock(rig.clock.clone());
    let other = other.revocations(rig.revocations.clone()).build().unwrap();
    let token = rig.token(-60.0).sign();
    let verified = rig.api.verify(&token).await.unwrap();
    assert_eq!(verified.session_id(), Some("s"));
    present(&app(&other), &token).await.assert_ok();
    rig.revocations.revoke(&Revocation::session(rig.issuer.url(), "s")).await.unwrap();
    present(&app(&other), &token).await.assert_invalid_token();
    let rejection = rig.api.check(&verified, &Require::token()).unwrap_err();
    assert_eq!((rejection.status(), rejection.error()), (StatusCode::UNAUTHORIZED, Some("invalid_token")));
    let explanation = rig.api.explain(&token).await;
    let failed: Vec<_> = explanation.failures().map(|step| step.name).collect();
    assert_eq!(failed, ["revocation"]);
    assert!(explanation.to_string().starts_with("refused: revoked\n"), "{explanation}");
}
