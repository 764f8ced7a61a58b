//! Attacks and extreme settings of the token cache: memory beyond the bound, panics, a cache that keeps nothing, and keys that
//! change between two reads.

use tokio::time::sleep;
use tower_bearer::jose::JwkSet;
use tower_bearer::testing::TestIssuer;
use tower_bearer::validation::TokenError;
use tower_bearer::validation::{TokenCache, TokenCacheStatus, VerifyError};
use tower_bearer::{Issuer, ResourceServer};

use crate::attacks::Interrupted;
use crate::harness::memory_source::{Fetch, HOUR, MINUTE, Setup, keys, settle};
use crate::harness::{AUDIENCE, app, builder_with_keys, good, paused_runtime, present, small_issuer};

const KIBIBYTE: u64 = 1024;

fn server(issuer: &TestIssuer, settings: TokenCache) -> ResourceServer {
    builder_with_keys(issuer.url(), &issuer.jwks()).token_cache(settings).build().unwrap()
}

fn status(api: &ResourceServer) -> TokenCacheStatus {
    api.token_cache_status().unwrap()
}

/// Presents `count` tokens, each often enough to be cached.
fn present_distinct(api: &ResourceServer, issuer: &TestIssuer, count: usize) {
    for _ in 0..count {
        let token = good(issuer).sign();
        (0..2).for_each(|_| drop(api.try_verify(&token).unwrap()));
    }
}

#[test]
fn the_byte_bound_holds_for_any_entry_bound() {
    let issuer = small_issuer();
    for entries in [1_000_000, u64::MAX] {
        let mut api = None;
        let settings = TokenCache::default().entries(entries).bytes(64 * KIBIBYTE);
        let built = allocation_counter::measure(|| api = Some(server(&issuer, settings.clone())));
        let api = api.unwrap();
        // The key and the policy are in it.
        assert!(built.bytes_current < 64 * 1024, "{entries} entries: {built:?}");
        let grown = allocation_counter::measure(|| present_distinct(&api, &issuer, 2000));
        assert!(grown.bytes_current < 80 * 1024, "{entries} entries: {grown:?}");
        assert!(status(&api).entries > 20, "{:?}", status(&api));
    }
}

/// The cache adds weights before it compares them with the bound.
#[test]
fn a_huge_byte_bound_does_not_overflow() {
    let issuer = small_issuer();
    for entries in [2, 5, 60, 1000] {
        let api = server(&issuer, TokenCache::default().entries(entries).bytes(u64::MAX));
        present_distinct(&api, &issuer, 200);
        assert!((1..=entries).contains(&status(&api).entries), "{:?}", status(&api));
    }
}

#[test]
fn a_cache_of_one_entry_keeps_one_token() {
    let issuer = small_issuer();
    let api = server(&issuer, TokenCache::default().entries(1));
    for _ in 0..3 {
        let token = good(&issuer).sign();
        (0..3).for_each(|_| drop(api.try_verify(&token).unwrap()));
    }
    assert_eq!((status(&api).entries, status(&api).hits), (1, 3));
}

/// The cache is sharded by the number of cores; the largest token must fit all the same.
#[test]
fn a_large_token_is_cached_when_it_fits_the_byte_bound() {
    let issuer = small_issuer();
    let api = server(&issuer, TokenCache::default().bytes(64 * KIBIBYTE));
    let token = good(&issuer).claim("x", "x".repeat(11 * 1024)).sign();
    (0..3).for_each(|_| drop(api.try_verify(&token).unwrap()));
    assert_eq!((status(&api).entries, status(&api).hits), (1, 1));
}

/// A request is interrupted after it reads the clock, and the key of that kid is replaced before it reads the keys.
#[test]
fn a_key_replaced_during_a_request_is_not_used() {
    let Setup { issuer, source, .. } = Setup::new(|issuer| Fetch::Keys(keys(issuer), None));
    let clock = Interrupted::new();
    let trusted = Issuer::keys(issuer.url(), source.clone()).unwrap();
    let api = ResourceServer::builder(AUDIENCE).trust(trusted).clock(clock.clone()).build().unwrap();
    let token = good(&issuer).expires_in(24 * HOUR).sign();
    let runtime = paused_runtime();
    runtime.block_on(async { api.verify(&token).await.map(drop).unwrap() });
    (0..2).for_each(|_| drop(api.try_verify(&token).unwrap()));
    assert_eq!(status(&api).hits, 1);
    // Every issuer of this kind calls its first key the same.
    source.set(Fetch::Keys(keys(&small_issuer()), None));
    clock.clock.advance(11 * MINUTE);
    clock.after(0, {
        let (api, token) = (api.clone(), token.clone());
        move || {
            runtime.block_on(async {
                drop(api.try_verify(&token));
                settle().await;
            });
        }
    });
    let verdict = api.try_verify(&token);
    assert_eq!(source.fetches(), 2);
    assert!(matches!(verdict, Err(VerifyError::Token(TokenError::Signature))), "{verdict:?}");
}

/// A token names its key by kid, so a key with another kid is not the key of the token.
#[tokio::test(start_paused = true)]
async fn a_renamed_key_is_a_different_key() {
    let setup = Setup::warm(None).await;
    let token = setup.token();
    (0..3).for_each(|_| drop(setup.api.try_verify(&token).unwrap()));
    assert_eq!(status(&setup.api).hits, 1);
    let mut jwks = setup.issuer.jwks();
    jwks["keys"][0]["kid"] = "renamed".into();
    setup.source.set(Fetch::Keys(JwkSet::from_json(jwks.to_string().as_bytes()).unwrap(), None));
    sleep(10 * MINUTE).await;
    assert_eq!(setup.source.fetches(), 2);
    let verdict = setup.api.verify(&token).await;
    assert!(matches!(verdict, Err(VerifyError::Token(TokenError::UnknownKey { .. }))), "{verdict:?}");
    setup.api.verify(&setup.token_by("renamed")).await.unwrap();
    assert_eq!(status(&setup.api).hits, 1);
}

/// A token that is too long is not parsed, but its characters are checked: 400 if it is no b64token (RFC 6750 §2.1, §3.1).
/// Row A5.
#[tokio::test]
async fn an_overlong_token_with_invalid_characters_is_malformed() {
    let issuer = small_issuer();
    let app = app(&builder_with_keys(issuer.url(), &issuer.jwks()).build().unwrap());
    let long = "x".repeat(20_000);
    present(&app, &long).await.assert_invalid_token();
    for odd in [format!("{long} x"), format!("{long},"), format!("\"{long}\"")] {
        present(&app, &odd).await.assert_invalid_request();
    }
}
