//! What no setting of the token cache and no traffic may lead to: memory beyond the bound, a panic, or a cache that keeps
//! nothing.

use tower_bearer::ResourceServer;
use tower_bearer::server::{TokenCache, TokenCacheStatus};
use tower_bearer::testing::TestIssuer;

use crate::harness::{builder_with_keys, good, small_issuer};

const KIBIBYTE: u64 = 1024;

fn server(issuer: &TestIssuer, settings: TokenCache) -> ResourceServer {
    builder_with_keys(issuer.url(), &issuer.jwks()).token_cache(settings).build().unwrap()
}

fn status(api: &ResourceServer) -> TokenCacheStatus {
    api.token_cache_status().unwrap()
}

/// Presents so many tokens, each often enough to be kept.
fn present_distinct(api: &ResourceServer, issuer: &TestIssuer, count: usize) {
    for _ in 0..count {
        let token = good(issuer).sign();
        (0..2).for_each(|_| drop(api.try_verify(&token).unwrap()));
    }
}

#[test]
fn bytes_are_a_bound_whatever_the_entries() {
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
fn no_bound_of_bytes_is_too_large_to_be_added_up() {
    let issuer = small_issuer();
    for entries in [2, 5, 60, 1000] {
        let api = server(&issuer, TokenCache::default().entries(entries).bytes(u64::MAX));
        present_distinct(&api, &issuer, 200);
        assert!((1..=entries).contains(&status(&api).entries), "{:?}", status(&api));
    }
}

#[test]
fn a_cache_of_one_entry_keeps_one() {
    let issuer = small_issuer();
    let api = server(&issuer, TokenCache::default().entries(1));
    for _ in 0..3 {
        let token = good(&issuer).sign();
        (0..3).for_each(|_| drop(api.try_verify(&token).unwrap()));
    }
    assert_eq!((status(&api).entries, status(&api).hits), (1, 3));
}

/// However many cores share the cache out among them.
#[test]
fn a_large_token_is_kept_where_there_is_room_for_it() {
    let issuer = small_issuer();
    let api = server(&issuer, TokenCache::default().bytes(64 * KIBIBYTE));
    let token = good(&issuer).claim("x", "x".repeat(11 * 1024)).sign();
    (0..3).for_each(|_| drop(api.try_verify(&token).unwrap()));
    assert_eq!((status(&api).entries, status(&api).hits), (1, 1));
}
