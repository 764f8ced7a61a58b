//! Junk buys no fetches, delays nobody whose key is known, and does not keep a new key out.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::time::{Instant, sleep};
use tower_bearer::AccessToken;
use tower_bearer::server::VerifyError;
use tower_bearer::token::TokenError;

use crate::harness::{AUDIENCE, decoded, fetches, good, server, small_issuer};
use crate::memory_source::{Fetch, HOUR, INSTANT, MINUTE, SECOND, Setup, keys, old_and_new, settle};

const FETCH: Duration = Duration::from_millis(50);

/// Makes tokens that pass every check but that of their key, whose names are all different.
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

/// A hundred seconds of a thousand tokens each; after thirty, the issuer signs with a new key that nobody was told of.
#[tokio::test(start_paused = true)]
async fn a_rotation_amid_a_hundred_thousand_junk_kids() {
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
                let (api, arrived) = (setup.api.clone(), Instant::now());
                legitimate.push(tokio::spawn(async move { (arrived, api.verify(&token).await) }));
            }
        }
        sleep(10 * INSTANT).await;
    }
    let elapsed = started.elapsed();
    let fetches = setup.source.fetches() - fetches;
    assert!(fetches as u64 <= 2 + elapsed.as_secs() / 5, "{fetches} fetches in {elapsed:?}");
    assert!(fetches >= 20, "and there was a flood: {fetches}");

    let (mut passed, all) = (0, legitimate.len());
    for request in legitimate {
        let (arrived, verdict) = request.await.unwrap();
        assert!(verdict.is_ok() || is_unavailable(&verdict), "never 401: {verdict:?}");
        assert!(verdict.is_ok() || arrived < published + 5 * SECOND + FETCH, "never after one fetch: {verdict:?}");
        passed += usize::from(verdict.is_ok());
    }
    assert!(all >= 690 && passed * 100 >= all * 99, "{passed} of {all}");
    for flood in floods {
        assert!(flood.await.unwrap().is_err());
    }
}

/// The first hundred give way at once to a hundred more than there are seats; all others learn that there is no such key.
#[tokio::test(start_paused = true)]
async fn the_waiting_room_is_bounded() {
    const SEATS: usize = 16_384;
    let setup = Setup::warm(None).await;
    sleep(MINUTE).await;
    setup.source.set(Fetch::Late(keys(&setup.issuer), FETCH));
    let junk = Junk::new(&setup);
    let started = Instant::now();
    let requests: Vec<_> = (0..SEATS + 100)
        .map(|number| {
            let (api, token) = (setup.api.clone(), junk.token(number));
            tokio::spawn(async move { (api.verify(&token).await, Instant::now()) })
        })
        .collect();
    settle().await;
    for (number, request) in requests.into_iter().enumerate() {
        let (verdict, answered) = request.await.unwrap();
        if number < 100 {
            assert!(is_unavailable(&verdict) && answered == started, "{number}: {verdict:?}");
        } else {
            let is_unknown = matches!(verdict, Err(VerifyError::Token(TokenError::UnknownKey { .. })));
            assert!(is_unknown && answered > started, "{number}: {verdict:?}");
        }
    }
}

#[tokio::test]
async fn a_hundred_thousand_tokens_that_fail_a_cheap_check_cost_nothing() {
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
