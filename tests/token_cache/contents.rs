//! What is kept, from when on, and how much of it.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Future, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response, StatusCode};
use serde::{Deserialize, Deserializer};
use tower::{Service, ServiceBuilder, service_fn};
use tower_bearer::validation::TokenCache;
use tower_bearer::{Claims, ResourceServer};

use super::{remember, status};
use crate::harness::memory_source::MINUTE;
use crate::harness::{app, builder_with_keys, good, present, small_issuer};

#[tokio::test]
async fn a_token_is_cached_at_its_second_use() {
    let issuer = small_issuer();
    let api = builder_with_keys(issuer.url(), &issuer.jwks()).build().unwrap();
    let token = good(&issuer).sign();
    for (use_number, hits, misses, entries) in [(1, 0, 1, 0), (2, 0, 2, 1), (3, 1, 2, 1), (4, 2, 2, 1)] {
        api.try_verify(&token).unwrap();
        let status = status(&api);
        assert_eq!((status.hits, status.misses, status.entries), (hits, misses, entries), "use {use_number}");
    }
    assert!((status(&api).hit_rate() - 0.5).abs() < f64::EPSILON);
    let clone = api.clone();
    clone.verify(&token).await.unwrap();
    present(&app(&api), &token).await.assert_ok();
    assert_eq!(status(&clone).hits, 4, "clones, requests and messages have one cache");
    let other = builder_with_keys(issuer.url(), &issuer.jwks()).build().unwrap();
    other.try_verify(&token).unwrap();
    assert_eq!(status(&other).hits, 0, "another server has another");
}

thread_local! {
    static PARSED: Cell<u32> = const { Cell::new(0) };
}

/// Claims that count how often they are parsed.
#[derive(Debug)]
struct Counted(String);

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Subject {
            sub: String,
        }
        PARSED.set(PARSED.get() + 1);
        Subject::deserialize(json).map(|claims| Self(claims.sub))
    }
}

#[tokio::test]
async fn claims_are_parsed_once_per_token() {
    let issuer = small_issuer();
    let api = builder_with_keys(issuer.url(), &issuer.jwks()).claims::<Counted>().build().unwrap();
    let token = good(&issuer).sign();
    remember(&api, &token);
    assert_eq!(PARSED.get(), 2, "at the first use and at the second, when it is cached");
    let subject = |claims: Claims<Counted>| async move { claims.0.clone() };
    let app = axum::Router::new().route("/me", axum::routing::get(subject)).layer(api.layer());
    for _ in 0..10 {
        present(&app, &token).await.assert_ok();
    }
    assert_eq!(PARSED.get(), 2);
}

#[tokio::test]
async fn refused_tokens_are_not_cached() {
    let (issuer, forger) = (small_issuer(), small_issuer());
    let api = builder_with_keys(issuer.url(), &issuer.jwks()).build().unwrap();
    let bad = [
        "abc".to_owned(),
        good(&issuer).expired_for(MINUTE).sign(),
        good(&issuer).audience("https://other.example").sign(),
        good(&issuer).signed_by(&forger).sign(),
        good(&issuer).claim("iss", "https://other.example").sign(),
        good(&issuer).header("kid", "unheard-of").sign(),
        "x".repeat(20_000),
    ];
    let app = app(&api);
    for token in &bad {
        for _ in 0..5 {
            assert!(!present(&app, token).await.status.is_success());
        }
    }
    let status = status(&api);
    assert_eq!((status.entries, status.bytes, status.hits, status.misses), (0, 0, 0, 0));
}

/// The answers are the same with and without a cache.
#[tokio::test]
async fn switching_the_cache_off_changes_no_answer() {
    for off in [TokenCache::off(), TokenCache::default().entries(0), TokenCache::default().bytes(0)] {
        let issuer = small_issuer();
        let api = builder_with_keys(issuer.url(), &issuer.jwks()).token_cache(off).build().unwrap();
        assert_eq!(api.token_cache_status(), None);
        let app = app(&api);
        for _ in 0..3 {
            present(&app, &good(&issuer).sign()).await.assert_ok();
            present(&app, &good(&issuer).expired_for(MINUTE).sign()).await.assert_invalid_token();
            present(&app, &good(&issuer).scope("other").sign()).await.assert_insufficient_scope("read:me");
        }
    }
}

#[test]
fn the_entry_and_byte_bounds_hold() {
    let issuer = small_issuer();
    let small_tokens: Vec<String> = (0..300).map(|_| good(&issuer).sign()).collect();
    let large_tokens: Vec<String> = (0..300).map(|_| good(&issuer).claim("x", "x".repeat(4000)).sign()).collect();
    let megabyte = 1024 * 1024;
    for (entries, bytes, tokens, at_least) in
        [(100, megabyte, &small_tokens, 90), (10_000, megabyte / 4, &large_tokens, 40)]
    {
        let settings = TokenCache::default().entries(entries).bytes(bytes);
        let api = builder_with_keys(issuer.url(), &issuer.jwks()).token_cache(settings).build().unwrap();
        for token in tokens.iter().flat_map(|token| [token; 3]) {
            api.try_verify(token).unwrap();
        }
        let status = status(&api);
        assert!((at_least..=entries).contains(&status.entries) && status.bytes <= bytes, "{status:?}");
        // A token of 4 KB counts for more than that.
        assert!(entries == 100 || status.entries * 4096 <= bytes, "{status:?}");
    }
}

/// One-time tokens and yesterday's tokens must not push the working set out of the cache.
#[test]
fn the_working_set_stays_among_90_percent_one_time_tokens() {
    let issuer = small_issuer();
    let settings = TokenCache::default().entries(4000);
    let api = builder_with_keys(issuer.url(), &issuer.jwks()).token_cache(settings).build().unwrap();
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..4000 {
        let yesterdays = good(&issuer).sign();
        (0..6).for_each(|_| drop(api.try_verify(&yesterdays).unwrap()));
    }
    let working_set: Vec<String> = (0..1000).map(|_| good(&issuer).sign()).collect();
    for token in working_set.iter().cycle().take(3 * working_set.len()) {
        api.try_verify(token).unwrap();
    }
    let before = status(&api);
    assert!(before.entries > 3500, "it is full: {before:?}");
    let mut asked = 0;
    for request in 0..20_000 {
        if request % 10 == 0 {
            asked += 1;
            api.try_verify(random.choice(&working_set).unwrap()).unwrap();
        } else {
            api.try_verify(&good(&issuer).sign()).unwrap();
        }
    }
    let hits = status(&api).hits - before.hits;
    assert!(hits * 100 >= asked * 95, "{hits} of {asked}");
    assert!(status(&api).entries <= 4000);
}

#[tokio::test]
async fn debug_output_shows_no_cached_token() {
    let issuer = small_issuer();
    let api = builder_with_keys(issuer.url(), &issuer.jwks()).build().unwrap();
    let token = good(&issuer).subject("somebody-private").sign();
    remember(&api, &token);
    let cached = api.try_verify(&token).unwrap();
    let shown = format!("{cached:?} {:?} {api:?} {:?}", cached.clone(), status(&api));
    for secret in token.split('.').chain(["somebody-private"]) {
        assert!(!shown.contains(secret), "{shown}");
    }
}

/// The average number of allocations of a thousand requests through a service.
fn allocations<S>(service: &mut S, token: &str) -> u64
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible>,
{
    let credentials = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    let counted = allocation_counter::measure(|| {
        for _ in 0..1000 {
            let mut request = Request::new(());
            request.headers_mut().insert(AUTHORIZATION, credentials.clone());
            let mut context = Context::from_waker(Waker::noop());
            let answer = pin!(service.call(request)).poll(&mut context);
            assert!(matches!(answer, Poll::Ready(Ok(response)) if response.status() == StatusCode::OK));
        }
    });
    counted.count_total.div_ceil(1000)
}

#[tokio::test]
async fn a_cache_hit_allocates_nothing_of_its_own() {
    let issuer = small_issuer();
    let keys = || builder_with_keys(issuer.url(), &issuer.jwks());
    let (on, off) = (keys().build().unwrap(), keys().token_cache(TokenCache::off()).build().unwrap());
    let token = good(&issuer).claim("roles", ["one", "two"]).sign();
    remember(&on, &token);
    let inner = || service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(()))));
    let protected = |api: &ResourceServer| ServiceBuilder::new().layer(api.layer()).service(inner());

    // What `http` allocates for two extensions of that size: the token, and what the layer tells those within.
    let verified = on.try_verify(&token).unwrap();
    let extensions = &mut service_fn(|mut request: Request<()>| {
        request.extensions_mut().insert(verified.clone());
        request.extensions_mut().insert((verified.clone(), on.clone()));
        ready(Ok::<_, Infallible>(Response::new(())))
    });
    let floor = allocations(extensions, &token);
    assert_eq!(allocations(&mut protected(&on), &token), floor, "a repeat");
    // The token, its payload, its audience and its scope.
    assert_eq!(allocations(&mut protected(&off), &token), floor + 4, "a first use");
}
