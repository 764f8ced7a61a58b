//! A token that was verified before is not verified again, and is refused all the same as soon as it would be.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Future, ready};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response, StatusCode};
use serde::{Deserialize, Deserializer};
use tokio::time::sleep;
use tower::{Service, ServiceBuilder, service_fn};
use tower_bearer::clock::Clock;
use tower_bearer::server::{Builder, TokenCache, TokenCacheStatus, Trusting, VerifyError};
use tower_bearer::testing::{TestClock, TestIssuer};
use tower_bearer::token::TokenError;
use tower_bearer::{AccessToken, Claims, Issuer, ResourceServer};

use crate::harness::{AUDIENCE, app, builder_with_keys, good, present, small_issuer};
use crate::memory_source::{Fetch, HOUR, MINUTE, SECOND, Setup, Source, keys, old_and_new, settle};

/// The default.
const LEEWAY: Duration = Duration::from_secs(30);

fn status(api: &ResourceServer) -> TokenCacheStatus {
    api.token_cache_status().unwrap()
}

/// Presents a token until it is remembered, and sees that it is.
#[track_caller]
fn remember(api: &ResourceServer, token: &str) {
    for _ in 0..2 {
        api.try_verify(token).unwrap();
    }
    let before = status(api);
    api.try_verify(token).unwrap();
    let after = status(api);
    assert_eq!((after.hits, after.misses), (before.hits + 1, before.misses), "it is remembered");
}

#[track_caller]
fn assert_refused(verdict: Result<AccessToken, VerifyError>, is_expected: impl FnOnce(&TokenError) -> bool) {
    match verdict {
        Err(VerifyError::Token(error)) if is_expected(&error) => {}
        other => panic!("{other:?}"),
    }
}

/// A server with a clock of its own, whose keys are at hand.
fn with_clock(issuer: &TestIssuer) -> (Builder<Trusting>, TestClock) {
    let clock = TestClock::new();
    clock.set(whole_second(SystemTime::now()));
    (builder_with_keys(issuer.url(), &issuer.jwks()).clock(clock.clone()), clock)
}

fn whole_second(time: SystemTime) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(time.duration_since(UNIX_EPOCH).unwrap().as_secs())
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test]
async fn a_token_is_admitted_at_its_second_sight() {
    let issuer = small_issuer();
    let api = builder_with_keys(issuer.url(), &issuer.jwks()).build().unwrap();
    let token = good(&issuer).sign();
    for (sight, hits, misses, entries) in [(1, 0, 1, 0), (2, 0, 2, 1), (3, 1, 2, 1), (4, 2, 2, 1)] {
        api.try_verify(&token).unwrap();
        let status = status(&api);
        assert_eq!((status.hits, status.misses, status.entries), (hits, misses, entries), "sight {sight}");
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

#[test]
fn a_cached_token_is_refused_at_exp_plus_leeway() {
    let issuer = small_issuer();
    let (builder, clock) = with_clock(&issuer);
    let api = builder.build().unwrap();
    let exp = clock.now() + 300 * SECOND;
    let token = good(&issuer).claim("exp", seconds(exp)).sign();
    remember(&api, &token);
    clock.set(exp + LEEWAY - Duration::from_micros(1));
    remember(&api, &token);
    clock.set(exp + LEEWAY);
    let hits = status(&api).hits;
    for _ in 0..3 {
        assert_refused(api.try_verify(&token), |error| matches!(error, TokenError::Expired { .. }));
    }
    assert_eq!(status(&api).hits, hits);
}

#[test]
fn a_cached_token_is_judged_by_nbf_and_iat_when_the_clock_is_set_back() {
    for claim in ["nbf", "iat"] {
        let issuer = small_issuer();
        let (builder, clock) = with_clock(&issuer);
        let api = builder.build().unwrap();
        let start = clock.now();
        let token = good(&issuer).claim("iat", seconds(start) - 600).claim(claim, seconds(start)).sign();
        remember(&api, &token);
        clock.set(start - LEEWAY);
        remember(&api, &token);
        clock.set(start - LEEWAY - SECOND);
        assert_refused(api.try_verify(&token), |error| match claim {
            "nbf" => matches!(error, TokenError::NotYetValid { .. }),
            _ => matches!(error, TokenError::IssuedInTheFuture { .. }),
        });
        clock.set(start);
        remember(&api, &token);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cached_token_is_refused_when_its_key_is_withdrawn() {
    let setup = Setup::warm(None).await;
    let token = setup.token();
    remember(&setup.api, &token);
    setup.issuer.rotate();
    setup.publish_current();
    sleep(5 * MINUTE).await;
    remember(&setup.api, &token);
    sleep(5 * MINUTE).await;
    assert_eq!(setup.source.fetches(), 2, "in the background");
    assert_refused(setup.api.try_verify(&token).map_err(unknown), |error| {
        matches!(error, TokenError::UnknownKey { .. })
    });
    assert_refused(setup.api.verify(&token).await, |error| matches!(error, TokenError::UnknownKey { .. }));
    present(&setup.app(), &token).await.assert_invalid_token();
    assert_eq!(status(&setup.api).entries, 0, "and makes room");
}

/// A name that is not at hand is fetched before it is called unknown, so that `try_verify` cannot tell.
fn unknown(error: VerifyError) -> VerifyError {
    match error {
        VerifyError::KeysUnavailable { .. } => VerifyError::Token(TokenError::UnknownKey { kid: None }),
        other => other,
    }
}

/// Claims whose parsing lasts until the test says so: it comes after the signature and before the token is remembered.
struct Slow;

static HOLD: Mutex<Option<(mpsc::Sender<()>, mpsc::Receiver<()>)>> = Mutex::new(None);

impl<'de> Deserialize<'de> for Slow {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let hold = HOLD.lock().unwrap().take();
        if let Some((reached, go_on)) = hold {
            reached.send(()).unwrap();
            go_on.recv().unwrap();
        }
        serde::de::IgnoredAny::deserialize(json).map(|_| Self)
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_remembered_after_its_key_was_withdrawn_is_refused_too() {
    let issuer = small_issuer();
    let source = Source(Arc::new(Mutex::new((Fetch::Keys(keys(&issuer), None), Vec::new()))));
    let trusted = Issuer::keys(issuer.url(), source.clone()).unwrap();
    let api = ResourceServer::builder(AUDIENCE).trust(trusted).claims::<Slow>().build().unwrap();
    let token = good(&issuer).expires_in(24 * HOUR).sign();
    api.verify(&token).await.unwrap();

    let (reached, wait_reached) = mpsc::channel();
    let (go_on, wait_go_on) = mpsc::channel();
    *HOLD.lock().unwrap() = Some((reached, wait_go_on));
    let late = {
        let (api, token, runtime) = (api.clone(), token.clone(), tokio::runtime::Handle::current());
        std::thread::spawn(move || {
            let _runtime = runtime.enter();
            api.try_verify(&token).map(drop)
        })
    };
    wait_reached.recv().unwrap();
    // Its signature has been verified; now the key goes.
    issuer.rotate();
    source.set(Fetch::Keys(keys(&issuer), None));
    sleep(10 * MINUTE).await;
    assert_eq!(source.fetches(), 2);
    go_on.send(()).unwrap();
    assert_eq!(late.join().unwrap(), Ok(()), "it was good when it was judged");
    assert_eq!(status(&api).entries, 1, "and is remembered although its key is gone");

    let verdict = api.verify(&token).await;
    assert_refused(verdict, |error| matches!(error, TokenError::UnknownKey { .. }));
    assert_eq!(status(&api).hits, 0);
}

#[tokio::test(start_paused = true)]
async fn a_cached_token_is_refused_when_its_kid_gets_new_material() {
    let setup = Setup::warm(None).await;
    let token = setup.token();
    remember(&setup.api, &token);
    // Every issuer of this kind calls its first key the same.
    let renewed = small_issuer();
    let new = good(&setup.issuer).signed_by(&renewed).expires_in(24 * HOUR).sign();
    setup.source.set(Fetch::Keys(keys(&renewed), None));
    sleep(10 * MINUTE).await;
    assert_eq!(setup.source.fetches(), 2);
    assert_refused(setup.api.try_verify(&token), |error| *error == TokenError::Signature);
    remember(&setup.api, &new);
}

/// What counts is the material, not when it was fetched or what else is in the set.
#[tokio::test(start_paused = true)]
async fn the_same_material_fetched_again_is_the_same_key() {
    let setup = Setup::warm(None).await;
    let token = setup.token();
    remember(&setup.api, &token);
    let misses = status(&setup.api).misses;
    let before = setup.issuer.jwks();
    setup.publish_current();
    sleep(10 * MINUTE).await;
    setup.issuer.rotate();
    setup.source.set(Fetch::Keys(old_and_new(&before, &setup.issuer), None));
    sleep(10 * MINUTE).await;
    assert!(setup.source.fetches() >= 3);
    setup.api.try_verify(&token).unwrap();
    assert_eq!(status(&setup.api).misses, misses);
}

/// A key that may not serve the token's algorithm any more is another one.
#[tokio::test(start_paused = true)]
async fn a_cached_token_is_refused_when_its_key_no_longer_serves_its_algorithm() {
    let issuer = TestIssuer::builder().algorithms([tower_bearer::jose::Algorithm::RS256]).start();
    let mut jwks = issuer.jwks();
    let source = Source(Arc::new(Mutex::new((Fetch::Keys(keys(&issuer), None), Vec::new()))));
    let trusted = Issuer::keys(issuer.url(), source.clone()).unwrap();
    let api = ResourceServer::builder(AUDIENCE).trust(trusted).build().unwrap();
    let token = good(&issuer).expires_in(24 * HOUR).sign();
    api.verify(&token).await.unwrap();
    remember(&api, &token);
    jwks["keys"][0]["alg"] = "RS512".into();
    let narrowed = tower_bearer::jose::JwkSet::from_json(jwks.to_string().as_bytes()).unwrap();
    source.set(Fetch::Keys(narrowed, None));
    sleep(10 * MINUTE).await;
    assert_refused(api.try_verify(&token), |error| matches!(error, TokenError::KeyMismatch { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_cached_token_gets_503_past_the_stale_cap_and_passes_after_it() {
    let setup = Setup::warm(None).await;
    let token = setup.token();
    remember(&setup.api, &token);
    setup.source.set(Fetch::Fail);
    sleep(69 * MINUTE).await;
    remember(&setup.api, &token);
    sleep(2 * MINUTE).await;
    present(&setup.app(), &token).await.assert_keys_unavailable();
    assert!(matches!(setup.api.try_verify(&token), Err(VerifyError::KeysUnavailable { .. })));
    setup.publish_current();
    sleep(2 * MINUTE).await;
    let misses = status(&setup.api).misses;
    present(&setup.app(), &token).await.assert_ok();
    assert_eq!(status(&setup.api).misses, misses, "the key is the same");
}

/// The keys of a program without a runtime of its own are refreshed by its look-ups alone, and hits are look-ups too.
#[tokio::test(start_paused = true)]
async fn hits_alone_keep_the_keys_fresh() {
    let setup = Setup::new(|issuer| Fetch::Keys(keys(issuer), None));
    let token = setup.token();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (api, source, known) = (setup.api.clone(), setup.source.clone(), token.clone());
    let used = std::thread::spawn(move || {
        runtime().block_on(async { api.verify(&known).await.map(drop).unwrap() });
        remember(&api, &known);
        assert_eq!(source.fetches(), 1);
        // The runtime that refreshed the keys is gone, and a refresh is due.
        setup.clock.advance(570 * SECOND);
        runtime().block_on(async {
            api.try_verify(&known).unwrap();
            settle().await;
        });
        assert_eq!(source.fetches(), 2, "started by a hit");
        assert_eq!(status(&api).misses, 2);
    });
    used.join().unwrap();
}

#[tokio::test(start_paused = true)]
async fn two_issuers_with_one_kid_keep_their_tokens_apart() {
    let (one, two) = (small_issuer(), small_issuer());
    let source = |issuer: &TestIssuer| Source(Arc::new(Mutex::new((Fetch::Keys(keys(issuer), None), Vec::new()))));
    let (first, second) = (source(&one), source(&two));
    let api = ResourceServer::builder(AUDIENCE)
        .trust(Issuer::keys(one.url(), first.clone()).unwrap())
        .trust(Issuer::keys(two.url(), second.clone()).unwrap())
        .build()
        .unwrap();
    api.ready().await;
    let tokens = [&one, &two].map(|issuer| good(issuer).expires_in(24 * HOUR).sign());
    for token in &tokens {
        remember(&api, token);
    }
    // The second issuer's key stands for the first one's tokens now, and the first one's for none.
    first.set(Fetch::Keys(keys(&two), None));
    sleep(10 * MINUTE).await;
    assert_refused(api.try_verify(&tokens[0]), |error| *error == TokenError::Signature);
    remember(&api, &tokens[1]);
    let forged = good(&one).signed_by(&two).expires_in(24 * HOUR).sign();
    remember(&api, &forged);
    second.set(Fetch::Fail);
    sleep(80 * MINUTE).await;
    remember(&api, &forged);
    assert!(
        matches!(api.try_verify(&tokens[1]), Err(VerifyError::KeysUnavailable { .. })),
        "its issuer is out of reach"
    );
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
    assert_eq!(PARSED.get(), 2, "at the first and at the second sight, when it is kept");
    let subject = |claims: Claims<Counted>| async move { claims.0.clone() };
    let app = axum::Router::new().route("/me", axum::routing::get(subject)).layer(api.layer());
    for _ in 0..10 {
        present(&app, &token).await.assert_ok();
    }
    assert_eq!(PARSED.get(), 2);
}

#[tokio::test]
async fn refused_tokens_are_never_kept() {
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

/// Switching the cache off changes nothing that anybody is told.
#[tokio::test]
async fn without_a_cache_everything_is_the_same() {
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
fn neither_bound_is_exceeded() {
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

/// One-time tokens would fill any memory; a working set must not notice them, nor what was asked for yesterday.
#[test]
fn a_working_set_stays_while_nine_tenths_are_one_time_tokens() {
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
async fn a_cached_token_shows_nothing_of_itself() {
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

/// What a thousand requests allocate on the way through a service, each.
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
async fn what_is_not_kept_is_not_allocated() {
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
    assert_eq!(allocations(&mut protected(&off), &token), floor + 4, "a first sight");
}

/// Many threads, one token, one key that comes and goes: whatever the order, no one-time mistake is made permanent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_races_a_withdrawal_does_not_survive_it() {
    let issuer = small_issuer();
    let clock = TestClock::new();
    let source = Source(Arc::new(Mutex::new((Fetch::Keys(keys(&issuer), None), Vec::new()))));
    let trusted = Issuer::keys(issuer.url(), source.clone()).unwrap();
    let api = ResourceServer::builder(AUDIENCE).trust(trusted).clock(clock.clone()).build().unwrap();
    api.ready().await;
    let token: Arc<str> = good(&issuer).expires_in(24 * HOUR).sign().into();
    let (passed, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let hammer: Vec<_> = (0..2)
        .map(|_| {
            let (api, token, passed, done) = (api.clone(), Arc::clone(&token), Arc::clone(&passed), Arc::clone(&done));
            std::thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    passed.fetch_add(usize::from(api.try_verify(&token).is_ok()), Ordering::Relaxed);
                }
            })
        })
        .collect();
    while passed.load(Ordering::Relaxed) < 1000 {
        tokio::task::yield_now().await;
    }
    issuer.rotate();
    source.set(Fetch::Keys(keys(&issuer), None));
    clock.advance(570 * SECOND);
    // Until it has ended; far more often than that takes, and not for ever.
    for _ in 0..1_000_000 {
        if api.try_verify(&token).is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    let fetches = source.fetches();
    let refused = (0..100).all(|_| api.try_verify(&token).is_err());
    done.store(true, Ordering::Relaxed);
    for thread in hammer {
        tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
    }
    assert_eq!((refused, api.try_verify(&token).is_ok()), (true, false));
    assert!(fetches >= 2);
}
