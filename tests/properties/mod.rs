//! Properties of all tokens, tried on many random ones.
//!
//! Every test prints the seed that it started from, which is always the same unless `PROPERTIES_SEED=…` says otherwise.
//! `PROPERTIES_TIMES=10` tries ten times as many. `tests/long.sh` does both.

mod bits;
mod challenges;
mod claim_rules;
mod explained;
mod good_token;
mod rules;
mod scopes;
mod single_rule;
mod stories;

use std::env;
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use fastrand::Rng;
use tower_bearer::clock::Clock;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{TestClock, TestIssuer};
use tower_bearer::validation::{Profile, TokenError};
use tower_bearer::validation::{TokenCache, VerifyError};
use tower_bearer::{AccessToken, ResourceServer};

use self::good_token::GoodToken;
use crate::harness::{builder_with_keys, paused_runtime};

/// Where a test starts.
fn seed() -> u64 {
    let seed: u64 = env::var("PROPERTIES_SEED").map_or(1, |seed| seed.parse().unwrap());
    println!("PROPERTIES_SEED={seed}");
    seed
}

/// How many to try, where so many are tried as a rule.
fn times(usual: usize) -> usize {
    usual * env::var("PROPERTIES_TIMES").map_or(1, |times| times.parse().unwrap())
}

/// Does the `work` for every algorithm, on all cores.
fn for_every_algorithm(work: impl Fn(Algorithm, Rng) + Sync) {
    let seed = seed();
    thread::scope(|scope| {
        for &algorithm in Algorithm::ALL {
            let work = &work;
            scope.spawn(move || work(algorithm, Rng::with_seed(seed ^ algorithm as u64)));
        }
    });
}

/// The servers that validate every token. All but one cache what they have verified.
struct Servers {
    generic: ResourceServer,
    strict: ResourceServer,
    forgetful: ResourceServer,
    /// What time it is for them, in seconds.
    now: u64,
}

impl Servers {
    fn of(issuer: &TestIssuer) -> Self {
        let clock = TestClock::new();
        let now = now(&clock);
        let builder = || builder_with_keys(issuer.url(), &issuer.jwks()).clock(clock.clone());
        Self {
            generic: builder().build().unwrap(),
            strict: builder().profile(Profile::Rfc9068).build().unwrap(),
            forgetful: builder().token_cache(TokenCache::off()).build().unwrap(),
            now,
        }
    }

    /// Those by whose rules the token is good.
    fn that_accept(&self, good: &GoodToken) -> impl Iterator<Item = &ResourceServer> {
        let strict = good.is_strict.then_some(&self.strict);
        [&self.generic, &self.forgetful].into_iter().chain(strict)
    }

    /// Shows them a good token until it is remembered.
    async fn remember(&self, good: &GoodToken, token: &str) {
        for server in self.that_accept(good) {
            let before = server.token_cache_status();
            for _ in 0..3 {
                accepted(server, good, token).await;
            }
            // At its third use at the latest: the admission filter takes about one token in ten thousand for one that it has seen.
            let hits = server.token_cache_status().map(|status| status.hits);
            assert!(hits.is_none() || hits > before.map(|status| status.hits), "{good:?}");
        }
    }

    /// It still is, whatever they have seen since.
    async fn still_accept(&self, good: &GoodToken, token: &str) {
        for server in self.that_accept(good) {
            accepted(server, good, token).await;
        }
    }
}

async fn accepted(server: &ResourceServer, good: &GoodToken, token: &str) {
    let verdict = server.verify(token).await;
    assert!(verdict.is_ok(), "{verdict:?}: {good:?}");
}

/// The reason of a refusal.
fn refusal(verdict: Result<AccessToken, VerifyError>) -> Option<TokenError> {
    match verdict {
        Err(VerifyError::Token(error)) => Some(error),
        Ok(_) | Err(_) => None,
    }
}

/// Sets the clock to a whole second, and tells which.
fn now(clock: &TestClock) -> u64 {
    let now = clock.now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    clock.set(UNIX_EPOCH + Duration::from_secs(now));
    now
}
