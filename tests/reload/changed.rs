//! What changes counts at once, in layers that were made before too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{Endpoint, TestIssuer};
use tower_bearer::{Issuer, Require};

use super::{Rig, document, of};
use crate::harness::memory_source::{Fetch, Source, keys};
use crate::harness::{AUDIENCE, good, present, small_issuer};

/// A token that was remembered is refused with the first request after the reload, and accepted again after the next one.
#[tokio::test]
async fn what_the_new_configuration_refuses_is_refused_at_once() {
    let (issuer, other) =
        (TestIssuer::builder().algorithms([Algorithm::ES256, Algorithm::EdDSA]).start(), small_issuer());
    let good_settings = document("", &[&other, &issuer]);
    let rig = Rig::new(&good_settings);
    let token = issuer.token_by(Algorithm::ES256).audience(AUDIENCE).scope("read:me").sign();
    for settings in [
        document("", &[&other]),
        format!("audience = {AUDIENCE:?}\n{}{}", of(&other, ""), of(&issuer, "audiences = [\"other\"]")),
        format!("audience = {AUDIENCE:?}\n{}{}", of(&other, ""), of(&issuer, "algorithms = [\"EdDSA\"]")),
        format!("audience = {AUDIENCE:?}\n{}{}", of(&other, ""), of(&issuer, "subjects = [\"someone else\"]")),
        format!(
            "audience = {AUDIENCE:?}\n{}{}",
            of(&other, ""),
            of(&issuer, &format!("jwks_url = {:?}", other.jwks_url()))
        ),
        format!("audience = \"https://other.test\"\n{}{}", of(&other, ""), of(&issuer, "")),
        document(
            "profile = \"rfc9068\"\n[dpop]\nurl = \"https://api.example.test\"\nrequired = true",
            &[&other, &issuer],
        ),
    ] {
        for _ in 0..3 {
            present(&rig.app, &token).await.assert_ok();
        }
        rig.reload(&settings).await;
        let answer = present(&rig.app, &token).await;
        assert_eq!(answer.status, 401, "{settings}");
        assert!(rig.api.verify(&token).await.is_err(), "{settings}");
        rig.reload(&good_settings).await;
    }
    present(&rig.app, &token).await.assert_ok();
}

#[tokio::test]
async fn the_outcome_names_what_has_changed() {
    let [a, b, c] = [small_issuer(), small_issuer(), small_issuer()];
    let rig = Rig::new(&document("", &[&a, &b]));
    let settings = format!("{}{}{}", document("", &[&a]), of(&b, "audiences = [\"other\"]"), of(&c, ""));
    let reloaded = rig.reload(&settings).await;
    assert_eq!((reloaded.kept, reloaded.changed, reloaded.added), (1, vec![b.url().into()], vec![c.url().into()]));
    let reloaded = rig.reload(&document("", &[&b])).await;
    assert_eq!(reloaded.removed, [a.url(), c.url()]);
    let status: Vec<_> = rig.api.status().into_iter().map(|status| status.issuer).collect();
    assert_eq!(status, [b.url().into()]);
    assert_eq!((rig.watched.status().reloads, rig.watched.status().last_error), (2, None));
}

/// The keys of a removed issuer are dropped, and their refresh ends. An issuer that comes back has new keys only.
#[tokio::test]
async fn keys_of_a_removed_issuer_are_dropped() {
    let (issuer, gone) = (small_issuer(), small_issuer());
    let source = Source::new(Fetch::Keys(keys(&gone), None));
    let (own, is_trusted) = (Issuer::keys(gone.url(), source.clone()).unwrap(), Arc::new(AtomicBool::new(true)));
    let before = source.holders();
    let switch = Arc::clone(&is_trusted);
    let rig = Rig::with(&document("", &[&issuer]), |watch| {
        // Made anew each time, so that the source is another one.
        let (url, source) = (gone.url().to_owned(), source.clone());
        watch.customize(move |builder| {
            if switch.load(Ordering::Relaxed) {
                builder.trust(Issuer::keys(&url, source.clone()).unwrap())
            } else {
                builder
            }
        })
    });
    drop(own);
    let token = good(&gone).sign();
    rig.api.verify(&token).await.unwrap();
    is_trusted.store(false, Ordering::Relaxed);
    let reloaded = rig.watched.reload().await.unwrap();
    assert_eq!(reloaded.removed, [gone.url()]);
    // The task holds the keys only while it fetches.
    for _ in 0..100 {
        if source.holders() <= before {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(source.holders() <= before, "{} holders, {before} before", source.holders());
    is_trusted.store(true, Ordering::Relaxed);
    rig.watched.reload().await.unwrap();
    source.set(Fetch::Keys(keys(&issuer), None));
    assert!(rig.api.verify(&token).await.is_err(), "the old keys are forgotten");
    assert_eq!(source.fetches(), 2);
}

/// What a scope implies counts for a remembered token too.
#[tokio::test]
async fn scopes_that_imply_others_change() {
    let issuer = small_issuer();
    let rig = Rig::new(&document("", &[&issuer]));
    let token = issuer.token().audience(AUDIENCE).scope("all").sign();
    for _ in 0..3 {
        present(&rig.app, &token).await.assert_insufficient_scope("read:me");
    }
    rig.reload(&document("scope_hierarchy = { all = \"read:me\" }", &[&issuer])).await;
    present(&rig.app, &token).await.assert_ok();
    rig.reload(&document("", &[&issuer])).await;
    present(&rig.app, &token).await.assert_insufficient_scope("read:me");
}

/// A token that a handler holds was validated before.
#[tokio::test]
async fn a_token_that_a_handler_holds_is_not_validated_again() {
    let [a, b] = [small_issuer(), small_issuer()];
    let rig = Rig::new(&document("", &[&a, &b]));
    let token = rig.api.verify(&good(&b).sign()).await.unwrap();
    rig.reload(&document("", &[&a])).await;
    assert!(rig.api.check(&token, &Require::token()).is_ok(), "it was validated before");
    rig.reload(&document("", &[&a, &b])).await;
    rig.api.verify(&good(&b).sign()).await.unwrap();
    assert_eq!(b.requests(Endpoint::Jwks), 2, "its keys were dropped");
}

/// What the builder's methods add counts as a setting of the file does.
#[tokio::test]
async fn the_type_of_the_claims_may_change() {
    #[derive(Debug, serde::Deserialize)]
    struct Strict {
        #[expect(dead_code, reason = "it is only required")]
        missing: String,
    }

    let issuer = small_issuer();
    let is_strict = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&is_strict);
    let rig = Rig::with(&document("", &[&issuer]), |watch| {
        watch
            .customize(move |builder| if switch.load(Ordering::Relaxed) { builder.claims::<Strict>() } else { builder })
    });
    let token = good(&issuer).sign();
    for _ in 0..3 {
        present(&rig.app, &token).await.assert_ok();
    }
    is_strict.store(true, Ordering::Relaxed);
    assert_eq!(rig.watched.reload().await.unwrap().changed, [issuer.url()]);
    present(&rig.app, &token).await.assert_invalid_token();
}

/// Nothing else tells that the keys are others.
#[tokio::test]
async fn another_url_of_the_keys_is_another_source() {
    let [issuer, other] = [small_issuer(), small_issuer()];
    let at = |keys: &TestIssuer| {
        format!("audience = {AUDIENCE:?}\n{}", of(&issuer, &format!("jwks_url = {:?}", keys.jwks_url())))
    };
    let rig = Rig::new(&at(&issuer));
    let token = good(&issuer).sign();
    for _ in 0..3 {
        present(&rig.app, &token).await.assert_ok();
    }
    assert_eq!(rig.reload(&at(&issuer)).await.kept, 1);
    assert_eq!(rig.reload(&at(&other)).await.changed, [issuer.url()]);
    present(&rig.app, &token).await.assert_invalid_token();
    assert_eq!(other.requests(Endpoint::Jwks), 1);
}
