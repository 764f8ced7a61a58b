//! What has not changed stays.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tower_bearer::revocation::{Revocation, Revocations};
use tower_bearer::testing::{Endpoint, TestClock};
use tower_bearer::validation::{TokenCacheStatus, TokenError};
use tower_bearer::{Require, ResourceServer};

use super::{Rig, document, of};
use crate::harness::{AUDIENCE, app, good, present, server, small_issuer};

fn remembered(api: &ResourceServer) -> (u64, u64) {
    let TokenCacheStatus { hits, misses, .. } = api.token_cache_status().unwrap();
    (hits, misses)
}

/// The keys stay with their age, whatever else changes, and nothing is fetched.
#[tokio::test]
async fn keys_of_the_same_source_stay() {
    let (issuer, other, clock) = (small_issuer(), small_issuer(), TestClock::new());
    let rig = Rig::with(&document("", &[&issuer]), |watch| watch.clock(clock.clone()));
    let token = good(&issuer).sign();
    rig.api.verify(&token).await.unwrap();
    clock.advance(Duration::from_secs(30));
    for settings in [
        document("realm = \"new\"", &[&issuer]),
        document("leeway = 10", &[&issuer]),
        document("profile = \"generic\"\ntoken_cache = false", &[&issuer]),
        document("", &[&other, &issuer]),
        format!(
            "audience = \"other\"\n{}",
            of(&issuer, &format!("audiences = [{AUDIENCE:?}]\nalgorithms = [\"ES256\"]"))
        ),
    ] {
        rig.reload(&settings).await;
        rig.api.try_verify(&token).expect(&settings);
        let status = rig.api.status().into_iter().find(|status| &*status.issuer == issuer.url()).unwrap();
        assert!(status.age.is_some_and(|age| age >= Duration::from_secs(30)), "{settings}: {:?}", status.age);
        assert_eq!(status.fetches, 1, "{settings}");
    }
    assert_eq!(issuer.requests(Endpoint::Jwks), 1);
}

#[tokio::test]
async fn remembered_tokens_of_an_unchanged_issuer_stay() {
    let [issuer, other, third] = [small_issuer(), small_issuer(), small_issuer()];
    let rig = Rig::new(&document("", &[&issuer]));
    let token = good(&issuer).sign();
    for _ in 0..2 {
        rig.api.verify(&token).await.unwrap();
    }
    assert_eq!(remembered(&rig.api), (0, 2));
    // Its place in the file does not matter.
    let reloaded = rig.reload(&document("realm = \"new\"", &[&other, &third, &issuer])).await;
    assert_eq!((reloaded.kept, reloaded.changed), (1, vec![]));
    assert_eq!(reloaded.added, [other.url(), third.url()]);
    rig.api.verify(&token).await.unwrap();
    present(&rig.app, &token).await.assert_ok();
    assert_eq!(remembered(&rig.api), (2, 2), "hits");
}

/// A remembered token is validated again if a rule for it is another one, although it stays good.
#[tokio::test]
async fn remembered_tokens_of_a_changed_issuer_are_validated_again() {
    let issuer = small_issuer();
    let rig = Rig::new(&document("", &[&issuer]));
    let token = good(&issuer).sign();
    for _ in 0..2 {
        rig.api.verify(&token).await.unwrap();
    }
    for (at, own) in ["leeway = 10", "scope_hierarchy = { files = \"files:read\" }", "[dpop]\nurl = \"https://a.test\""]
        .into_iter()
        .enumerate()
    {
        let reloaded = rig.reload(&document(own, &[&issuer])).await;
        assert_eq!((reloaded.kept, &*reloaded.changed), (0, &[issuer.url().to_owned()][..]), "{own}");
        rig.api.verify(&token).await.unwrap();
        assert_eq!(remembered(&rig.api), (0, 3 + at as u64), "{own}");
    }
    rig.reload(&document("token_cache = false", &[&issuer])).await;
    assert!(rig.api.token_cache_status().is_none());
}

/// A token knows its server, whatever the configuration.
#[tokio::test]
async fn a_token_from_before_passes_a_check_after() {
    let issuer = small_issuer();
    let rig = Rig::new(&document("", &[&issuer]));
    let token = rig.api.verify(&good(&issuer).sign()).await.unwrap();
    rig.reload(&document("leeway = 10\nrealm = \"new\"", &[&issuer])).await;
    assert!(rig.api.check(&token, &Require::scope("read:me")).is_ok());
    let refused = rig.api.check(&token, &Require::scope("write:me")).unwrap_err();
    let response: http::Response<String> = refused.response();
    let challenge = response.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains("realm=\"new\""), "{challenge}");
    let other = server(&issuer).verify(&good(&issuer).sign()).await.unwrap();
    assert_eq!(rig.api.check(&other, &Require::token()).unwrap_err().status(), 500);
}

#[tokio::test]
async fn revocations_stay() {
    let issuer = small_issuer();
    let revocations = Revocations::new(Duration::from_secs(24 * 60 * 60));
    let handle = revocations.clone();
    let rig = Rig::with(&document("", &[&issuer]), |watch| {
        watch.customize(move |builder| builder.revocations(handle.clone()))
    });
    let token = good(&issuer).claim("sid", "s1").sign();
    for _ in 0..3 {
        rig.api.verify(&token).await.unwrap();
    }
    assert_eq!(rig.reload(&document("realm = \"new\"", &[&issuer])).await.kept, 1);
    revocations.revoke(&Revocation::session(issuer.url(), "s1")).await.unwrap();
    rig.reload(&document("", &[&issuer])).await;
    let error = rig.api.verify(&token).await.unwrap_err();
    assert_eq!(error, TokenError::Revoked.into());
}

/// A token that was validated with the table before it would not see what is revoked in the new one.
#[tokio::test]
async fn another_table_of_revocations_counts_for_tokens_that_were_seen_before() {
    let issuer = small_issuer();
    let tables = [(); 2].map(|()| Revocations::new(Duration::from_secs(24 * 60 * 60)));
    // One for each server that is built.
    let each = Mutex::new(tables.clone().into_iter());
    let rig = Rig::with(&document("", &[&issuer]), |watch| {
        watch.customize(move |builder| builder.revocations(each.lock().unwrap().next().unwrap()))
    });
    let token = good(&issuer).claim("sid", "s1").sign();
    for _ in 0..3 {
        rig.api.verify(&token).await.unwrap();
    }
    rig.reload(&document("realm = \"new\"", &[&issuer])).await;
    rig.api.verify(&token).await.unwrap();
    tables[1].revoke(&Revocation::session(issuer.url(), "s1")).await.unwrap();
    assert_eq!(rig.api.verify(&token).await.unwrap_err(), TokenError::Revoked.into());
}

/// The answers about opaque tokens stay until a setting of the introspection changes, or the secret in the file that it names.
#[tokio::test]
async fn answers_about_opaque_tokens_stay() {
    let issuer = small_issuer();
    let token = issuer.opaque_token(&good(&issuer));
    let settings = |own: &str, more: &str| {
        let endpoint = format!("endpoint = {:?}\n{more}", issuer.introspection_url());
        format!("{}[issuers.introspection]\n{endpoint}\n", document(own, &[&issuer]))
    };
    let by = |own: &str, more: &str| settings(own, &format!("client_id = \"api\"\nclient_secret = \"s\"\n{more}"));
    let rig = Rig::new(&by("", ""));
    let asked = || issuer.requests(Endpoint::Introspection);
    let verify = async || drop(rig.api.verify(&token).await);
    verify().await;
    let first = asked();
    assert_eq!(rig.reload(&by("realm = \"new\"", "")).await.kept, 1);
    assert_eq!(rig.reload(&by("", "lifetime = 30")).await.changed.len(), 1);
    assert_eq!(rig.reload(&by("", "lifetime = 30")).await.kept, 1);
    verify().await;
    assert!(asked() > first);
    let with_file = |path: &std::path::Path| {
        settings("", &format!("client_id = \"api\"\nclient_secret_file = {path:?}\nlifetime = 30"))
    };
    let secret = rig.folder.write("secret", "s");
    assert_eq!(rig.reload(&with_file(&secret)).await.kept, 1, "the same secret from another place");
    rig.folder.write("secret", "t");
    assert_eq!(rig.watched.reload().await.unwrap().changed.len(), 1, "another secret");
}

/// An issuer of the application keeps its keys if it is the same one each time.
#[tokio::test]
async fn an_issuer_of_the_application_stays() {
    let (issuer, mine) = (small_issuer(), Arc::new(small_issuer()));
    let own = mine.issuer();
    let rig = Rig::with(&document("", &[&issuer]), |watch| watch.customize(move |builder| builder.trust(own.clone())));
    let token = good(&mine).sign();
    rig.api.verify(&token).await.unwrap();
    assert_eq!(rig.reload(&document("realm = \"new\"", &[&issuer])).await.kept, 2);
    rig.api.try_verify(&token).unwrap();
    assert_eq!(mine.requests(Endpoint::Jwks), 1);
}

/// A file of keys is read by itself, and a reload does not change that.
#[tokio::test]
async fn keys_of_a_file_stay() {
    let issuer = small_issuer();
    let rig = Rig::new(&document("", &[&issuer]));
    let file = rig.folder.write("keys.json", issuer.jwks().to_string());
    let with = |own: &str| format!("audience = {AUDIENCE:?}\n{own}\n{}", of(&issuer, &format!("jwks_file = {file:?}")));
    assert_eq!(rig.reload(&with("")).await.changed.len(), 1, "another source");
    assert_eq!(rig.reload(&with("realm = \"new\"")).await.kept, 1);
    present(&app(&rig.api), &good(&issuer).sign()).await.assert_ok();
}

/// What is called for refusals is no setting of an issuer: its tokens stay remembered, and the newest one is called.
#[tokio::test]
async fn what_is_told_of_refusals_stays() {
    let issuer = small_issuer();
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    let rig = Rig::with(&document("", &[&issuer]), |watch| {
        watch.customize(move |builder| {
            let count = Arc::clone(&count);
            builder.on_refusal(move |_| {
                count.fetch_add(1, Ordering::Relaxed);
            })
        })
    });
    let token = good(&issuer).sign();
    for _ in 0..2 {
        rig.api.verify(&token).await.unwrap();
    }
    for (reloads, own) in ["", "realm = \"new\"", "leeway = 10"].into_iter().enumerate() {
        let kept = rig.reload(&document(own, &[&issuer])).await.kept;
        assert_eq!(kept, usize::from(reloads < 2), "{own}");
        assert_eq!(present(&rig.app, &good(&issuer).audience("x").sign()).await.status, 401);
        present(&rig.app, &token).await.assert_ok();
        assert_eq!(told.load(Ordering::Relaxed), reloads + 1);
    }
}
