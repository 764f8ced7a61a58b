//! Floods of unknown kids: they cause no extra fetches, delay no request with a known key, and do not keep a new key out.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Request, Response, StatusCode};
use tokio::time::{Instant, sleep};
use tower::limit::ConcurrencyLimitLayer;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_bearer::clock::Clock;
use tower_bearer::keys::MAX_PENDING_UNKNOWN_KEYS;
use tower_bearer::validation::TokenError;
use tower_bearer::validation::VerifyError;
use tower_bearer::{AccessToken, ResourceServer};

use crate::harness::memory_source::{Fetch, HOUR, INSTANT, MINUTE, SECOND, Setup, keys, old_and_new, settle};
use crate::harness::{AUDIENCE, decoded, fetches, good, server, small_issuer};

const FETCH: Duration = Duration::from_millis(50);

/// Makes tokens that pass every check but the look-up of their key, each with another kid.
struct Junk {
    header: String,
    rest: String,
}

impl Junk {
    fn new(setup: &Setup) -> Self {
        let template = good(&setup.issuer).header("kid", "NAME").expires_in(24 * HOUR);
        let [header, _] = decoded(&template);
        let rest = template.sign().split_once('.').unwrap().1.to_owned();
        Self { header, rest }
    }

    fn token(&self, number: usize) -> String {
        let header = URL_SAFE_NO_PAD.encode(self.header.replace("NAME", &format!("junk-{number}")));
        format!("{header}.{}", self.rest)
    }
}

fn is_unavailable(verdict: &Result<AccessToken, VerifyError>) -> bool {
    matches!(verdict, Err(VerifyError::KeysUnavailable { .. }))
}

/// Retries as a client does that follows `Retry-After`. Returns how long that took.
async fn with_retries(api: &ResourceServer, token: &str) -> Result<Duration, VerifyError> {
    let arrived = Instant::now();
    loop {
        let retry_after = match api.verify(token).await {
            Ok(_) => return Ok(arrived.elapsed()),
            Err(VerifyError::TooManyRequests { retry_after } | VerifyError::KeysUnavailable { retry_after }) => {
                retry_after
            }
            Err(error) => return Err(error),
        };
        assert!(retry_after <= 5 * SECOND, "{retry_after:?}");
        assert!(arrived.elapsed() < MINUTE, "it never ends");
        // Whole seconds, rounded up, as the header has it.
        sleep(SECOND * u32::try_from(retry_after.as_millis().div_ceil(1000)).unwrap()).await;
    }
}

/// A hundred seconds of a thousand tokens each; after thirty, the issuer signs with a new key without announcing it.
#[tokio::test(start_paused = true)]
async fn a_rotation_during_100_000_unknown_kids_refuses_no_good_token() {
    let setup = Setup::warm(None).await;
    sleep(MINUTE).await;
    let (old, junk, jwks) = (setup.token(), Junk::new(&setup), setup.issuer.jwks());
    let (started, fetches) = (Instant::now(), setup.source.fetches());
    let published = started + 30 * SECOND;
    setup.source.set(Fetch::Late(keys(&setup.issuer), FETCH));
    let (mut floods, mut legitimate) = (Vec::new(), Vec::new());
    let mut new = None;
    for tick in 0..10_000 {
        for number in 0..10 {
            let (api, token) = (setup.api.clone(), junk.token(10 * tick + number));
            floods.push(tokio::spawn(async move { api.verify(&token).await.map(drop) }));
        }
        if new.is_none() && Instant::now() >= published {
            setup.issuer.rotate();
            setup.source.set(Fetch::Late(old_and_new(&jwks, &setup.issuer), FETCH));
            new = Some(setup.token());
        }
        if tick % 10 == 0 {
            setup.api.try_verify(&old).expect("a known kid never waits");
            if let Some(token) = new.clone() {
                let api = setup.api.clone();
                legitimate.push(tokio::spawn(async move { (Instant::now(), with_retries(&api, &token).await) }));
            }
        }
        sleep(10 * INSTANT).await;
    }
    let elapsed = started.elapsed();
    let fetches = setup.source.fetches() - fetches;
    assert!(fetches as u64 <= 2 + elapsed.as_secs() / 5, "{fetches} fetches in {elapsed:?}");
    assert!(fetches >= 15, "and there was a flood: {fetches}");

    let all = legitimate.len();
    assert!(all >= 690, "{all}");
    for request in legitimate {
        let (arrived, verdict) = request.await.unwrap();
        let waited = verdict.expect("never 401");
        assert!(waited <= 6 * SECOND, "{waited:?}");
        assert!(waited.is_zero() || arrived < published + 5 * SECOND + FETCH, "never after one fetch: {waited:?}");
    }
    for flood in floods {
        assert!(flood.await.unwrap().is_err());
    }
}

type Verification<'a> = Pin<Box<dyn Future<Output = Result<AccessToken, VerifyError>> + 'a>>;

/// Polls each request once. Returns those that wait.
fn begun<'a>(api: &'a ResourceServer, tokens: impl Iterator<Item = &'a str>) -> Vec<Verification<'a>> {
    let context = &mut Context::from_waker(Waker::noop());
    let mut waiting = Vec::new();
    for token in tokens {
        let mut request: Verification<'_> = Box::pin(api.verify(token));
        match request.as_mut().poll(context) {
            Poll::Pending => waiting.push(request),
            Poll::Ready(verdict) => {
                let is_bounded = matches!(&verdict, Err(VerifyError::TooManyRequests { .. }));
                assert!(is_bounded, "{verdict:?}");
            }
        }
    }
    waiting
}

/// With one kid and with different ones, all but a few requests are refused, without using memory.
#[tokio::test(start_paused = true)]
async fn unknown_kid_requests_beyond_the_limit_get_429() {
    let setup = Setup::warm(None).await;
    sleep(MINUTE).await;
    setup.source.set(Fetch::Late(keys(&setup.issuer), FETCH));
    let junk = Junk::new(&setup);
    let different: Vec<_> = (0..30_000).map(|number| junk.token(number)).collect();
    for tokens in [&different[..1], &different[..]] {
        sleep(MINUTE).await;
        let tokens = tokens.iter().map(String::as_str).cycle().take(300_000);
        let mut waiting = Vec::new();
        let used = allocation_counter::measure(|| waiting = begun(&setup.api, tokens));
        assert_eq!(waiting.len(), MAX_PENDING_UNKNOWN_KEYS);
        assert!(used.bytes_max < 64 * 1024 * 1024 && used.bytes_current < 1024 * 1024, "{used:?}");
        setup.try_verify().expect("a known kid never waits");
        for request in waiting {
            let verdict = request.await;
            assert!(matches!(verdict, Err(VerifyError::Token(TokenError::UnknownKey { .. }))), "{verdict:?}");
        }
    }
}

/// A thousand concurrent requests end in every possible way; afterwards as many can wait as before.
#[tokio::test(start_paused = true)]
async fn a_cancelled_request_frees_its_pending_slot() {
    let setup = Setup::warm(None).await;
    let junk = Junk::new(&setup);
    let tokens: Vec<_> = (0..1000).map(|number| junk.token(number)).collect();
    let tokens = || tokens.iter().map(String::as_str);
    for round in 0..4 {
        sleep(MINUTE).await;
        setup.source.set(Fetch::Hang);
        let waiting = begun(&setup.api, tokens());
        assert_eq!(waiting.len(), MAX_PENDING_UNKNOWN_KEYS, "round {round}");
        match round {
            // The caller is gone.
            0 => drop(waiting),
            // The caller has a time-out of its own.
            1 => {
                for request in waiting {
                    assert!(tokio::time::timeout(INSTANT, request).await.is_err());
                }
            }
            // The server's time-out.
            2 => {
                sleep(7 * SECOND).await;
                for request in waiting {
                    let verdict = request.await;
                    assert!(is_unavailable(&verdict), "{verdict:?}");
                }
            }
            // All of them end in a task that is aborted while it waits.
            _ => {
                drop(waiting);
                let requests: Vec<_> = tokens()
                    .map(|token| {
                        let (api, token) = (setup.api.clone(), token.to_owned());
                        tokio::spawn(async move { api.verify(&token).await })
                    })
                    .collect();
                settle().await;
                requests.iter().for_each(tokio::task::JoinHandle::abort);
            }
        }
        setup.publish_current();
        sleep(10 * SECOND).await;
    }
}

/// What the requests of a flood look like.
#[derive(Clone, Copy, Debug)]
enum Issued {
    Past,
    Now,
    Future,
    Absent,
}

/// 200 junk tokens a second for half a minute, at a server that lets in 64 requests at once and whose service does 64 at
/// once; a good request every 10 ms takes 20 ms there.
#[tokio::test(start_paused = true)]
async fn good_requests_keep_their_slots_during_a_flood() {
    for seconds in [0, 1, 5] {
        for is_one_kid in [true, false] {
            for issued in [Issued::Past, Issued::Now, Issued::Future, Issued::Absent] {
                let (all, slow) = good_and_slow(seconds, is_one_kid, issued).await;
                assert!(all >= 2_900, "{all}");
                assert!(slow * 100 <= all, "{slow} of {all}: {seconds} s, one kid: {is_one_kid}, {issued:?}");
            }
        }
    }
}

/// How many good requests there were, and how many of them waited for more than 50 ms beyond what the service takes.
async fn good_and_slow(fetch_seconds: u32, is_one_kid: bool, issued: Issued) -> (usize, usize) {
    const WORK: Duration = Duration::from_millis(20);
    let setup = Setup::warm(None).await;
    sleep(MINUTE).await;
    setup.clock.advance(MINUTE);
    setup.source.set(Fetch::Late(keys(&setup.issuer), SECOND * fetch_seconds));
    let service = ServiceBuilder::new()
        .layer(ConcurrencyLimitLayer::new(64))
        .layer(setup.api.layer())
        .layer(ConcurrencyLimitLayer::new(64))
        .service(service_fn(|_: Request<Body>| async {
            sleep(WORK).await;
            Ok::<_, Infallible>(Response::new(Body::empty()))
        }));
    let send = |token: &str| {
        let request = Request::builder().header("authorization", format!("Bearer {token}"));
        service.clone().oneshot(request.body(Body::empty()).unwrap())
    };
    let seconds = |ahead: i64| {
        let now = setup.clock.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        now.checked_add_signed(ahead).unwrap()
    };
    let good_token = setup.token();
    let mut good = Vec::new();
    for tick in 0..3_000_u32 {
        if tick % 2 == 0 {
            for number in 0..4 {
                let kid = if is_one_kid { "junk".to_owned() } else { format!("junk-{tick}-{number}") };
                let token = crate::harness::good(&setup.issuer).header("kid", kid).expires_in(24 * HOUR);
                let token = match issued {
                    Issued::Past => token.claim("iat", seconds(-3600)),
                    Issued::Now => token.claim("iat", seconds(0)),
                    Issued::Future => token.claim("iat", seconds(20)),
                    Issued::Absent => token.without_claim("iat"),
                };
                // The signature is never verified.
                tokio::spawn(send(&format!("{}.AAAA", token.signing_input())));
            }
        }
        let request = send(&good_token);
        good.push(tokio::spawn(async move {
            let started = Instant::now();
            assert_eq!(request.await.unwrap().status(), StatusCode::OK);
            started.elapsed()
        }));
        if tick % 100 == 0 {
            setup.clock.set(setup.clock.now() + SECOND);
        }
        sleep(10 * INSTANT).await;
    }
    let (all, mut slow) = (good.len(), 0);
    for request in good {
        slow += usize::from(request.await.unwrap() > WORK + 50 * INSTANT);
    }
    (all, slow)
}

/// A client guesses the next kid before the issuer uses it; good tokens with that kid pass all the same.
#[tokio::test(start_paused = true)]
async fn a_kid_guessed_before_it_is_published_refuses_no_good_token() {
    let setup = Setup::warm(None).await;
    let jwks = setup.issuer.jwks();
    setup.issuer.publish_next();
    setup.issuer.sign_with_next();
    let next = setup.issuer.jwks()["keys"][0]["kid"].as_str().unwrap().to_owned();
    sleep(MINUTE).await;
    let guess = |number: u32| {
        let token = good(&small_issuer()).header("kid", &next).claim("jti", number.to_string()).without_claim("iat");
        token.claim("iss", setup.issuer.url()).sign()
    };
    let mut guesses = Vec::new();
    for number in 0..20 {
        let (api, token) = (setup.api.clone(), guess(number));
        guesses.push(tokio::spawn(async move { api.verify(&token).await.map(drop) }));
        sleep(INSTANT * 50).await;
    }
    setup.source.set(Fetch::Late(old_and_new(&jwks, &setup.issuer), FETCH));
    let token = setup.token();
    let waited = with_retries(&setup.api, &token).await.expect("never 401");
    assert!(waited <= 6 * SECOND, "{waited:?}");
    let mut unknown = 0;
    for guess in guesses {
        match guess.await.unwrap() {
            Err(VerifyError::Token(TokenError::UnknownKey { .. })) => unknown += 1,
            verdict => assert!(matches!(verdict, Err(VerifyError::TooManyRequests { .. })), "{verdict:?}"),
        }
    }
    assert!(unknown >= 2, "the name was looked for: {unknown}");
}

/// One edge of a content delivery network still serves the old keys, and answers every other fetch.
#[tokio::test(start_paused = true)]
async fn a_stale_cdn_edge_refuses_no_good_token() {
    let setup = Setup::warm(Some(HOUR)).await;
    let stale = keys(&setup.issuer);
    sleep(10 * MINUTE).await;
    setup.clock.advance(10 * MINUTE);
    setup.issuer.rotate();
    let token = setup.token();
    // For longer than the leeway, so that only the age tells.
    setup.clock.advance(40 * SECOND);
    setup.source.set(Fetch::Aged(stale, 5 * MINUTE));
    for _ in 0..2 {
        let verdict = setup.api.verify(&token).await;
        let retry_after = match verdict {
            Err(VerifyError::TooManyRequests { retry_after }) => retry_after,
            other => panic!("never 401: {other:?}"),
        };
        sleep(retry_after).await;
    }
    setup.publish_current();
    with_retries(&setup.api, &token).await.expect("never 401");
}

#[tokio::test]
async fn tokens_that_fail_a_cheap_check_cause_no_fetch() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let unknown = || good(&issuer).header("kid", "unknown");
    let cheap = [
        "x".to_owned(),
        "a.b.c".to_owned(),
        "x".repeat(20_000),
        unknown().header("alg", "HS256").sign(),
        unknown().header("typ", "dpop+jwt").sign(),
        unknown().claim("iss", "https://other.example.test").sign(),
        unknown().audience("https://other.example.test").sign(),
        unknown().expired_for(MINUTE).sign(),
        unknown().claim("nbf", 99_999_999_999_u64).sign(),
        unknown().claim("cnf", ()).sign(),
        unknown().without_claim("sub").sign(),
        unknown().claim("scope", 1).sign(),
    ];
    for token in cheap.iter().cycle().take(100_000) {
        assert!(matches!(api.try_verify(token), Err(VerifyError::Token(_))), "{token}");
    }
    settle().await;
    assert_eq!(fetches(&issuer), (0, 0));
    assert!(api.verify(&good(&issuer).audience(AUDIENCE).sign()).await.is_ok());
}
