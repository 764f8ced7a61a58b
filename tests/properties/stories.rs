//! A server with a token cache and one without give the same answer at every step of every story.
//!
//! Each has keys of its own from one source, and refreshes them when it pleases. So the two are compared when both have heard
//! of what happened, or neither; and a token that is remembered is compared with a twin that was never seen, by the same
//! server at the same instant.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use tower_bearer::clock::Clock;
use tower_bearer::jose::JwkSet;
use tower_bearer::testing::{TestClock, TestIssuer, TokenBuilder};
use tower_bearer::validation::TokenError;
use tower_bearer::validation::{TokenCache, VerifyError};
use tower_bearer::{AccessToken, Issuer, ResourceServer};

use super::{paused_runtime, seed, times};
use crate::harness::memory_source::{Fetch, MINUTE, SECOND, Source, settle};
use crate::harness::{AUDIENCE, good, small_issuer};

const STORIES: usize = 150;
const STEPS: usize = 60;

#[test]
fn the_token_cache_changes_no_verdict() {
    let mut random = Rng::with_seed(seed());
    let (mut verdicts, mut hits) = (BTreeMap::new(), 0);
    for _ in 0..times(STORIES) {
        paused_runtime().block_on(async {
            let mut story = Story::begin(&mut random).await;
            for _ in 0..STEPS {
                story.step(&mut random).await;
            }
            hits += story.remembering.token_cache_status().unwrap().hits;
            for (verdict, count) in story.verdicts {
                *verdicts.entry(verdict).or_insert(0) += count;
            }
        });
    }
    println!("{hits} hits; {verdicts:?}");
    assert!(hits >= 1_000, "{hits}");
    let all = [Said::Good, Said::Expired, Said::NotYet, Said::UnknownKey, Said::Signature, Said::Unavailable];
    for verdict in all {
        assert!(verdicts.get(&verdict).is_some_and(|count| *count >= 50), "{verdict:?}: {verdicts:?}");
    }
}

/// A verdict, as far as it depends on what may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    Good,
    Expired,
    NotYet,
    UnknownKey,
    Signature,
    Unavailable,
}

impl Said {
    fn of(verdict: Result<AccessToken, VerifyError>) -> Self {
        match verdict {
            Ok(_) => Self::Good,
            Err(VerifyError::KeysUnavailable { .. } | VerifyError::TooManyRequests { .. }) => Self::Unavailable,
            Err(VerifyError::Token(error)) => match error {
                TokenError::Expired { .. } => Self::Expired,
                TokenError::NotYetValid { .. } | TokenError::IssuedInTheFuture { .. } => Self::NotYet,
                TokenError::UnknownKey { .. } => Self::UnknownKey,
                TokenError::Signature => Self::Signature,
                other => panic!("{other}"),
            },
            Err(other) => panic!("{other}"),
        }
    }
}

struct Story {
    source: Source,
    clock: TestClock,
    remembering: ResourceServer,
    forgetful: ResourceServer,
    /// Who signs now; the kid of a new one is the old one's, unless it was rotated.
    issuer: TestIssuer,
    url: String,
    published: Value,
    is_down: bool,
    /// How often the published keys have changed, and after how many changes each server last fetched them.
    edition: u64,
    held: [u64; 2],
    /// How often each had fetched them by then.
    fetched: [u64; 2],
    tokens: Vec<(TokenBuilder, String)>,
    has_twins: bool,
    twins: u64,
    verdicts: BTreeMap<Said, usize>,
    log: Vec<String>,
}

impl Story {
    async fn begin(random: &mut Rng) -> Self {
        let issuer = small_issuer();
        let published = issuer.jwks();
        let source = Source::new(Fetch::Keys(keys(&published), None));
        let clock = TestClock::new();
        super::now(&clock);
        let server = |cache: TokenCache| {
            let trusted = Issuer::keys(issuer.url(), source.clone()).unwrap();
            let builder = ResourceServer::builder(AUDIENCE).trust(trusted).clock(clock.clone());
            builder.token_cache(cache).build().unwrap()
        };
        let [remembering, forgetful] = [TokenCache::default(), TokenCache::off()].map(server);
        remembering.ready().await;
        forgetful.ready().await;
        let url = issuer.url().to_owned();
        let mut story = Self {
            source,
            clock,
            remembering,
            forgetful,
            issuer,
            url,
            published,
            is_down: false,
            edition: 0,
            held: [0; 2],
            fetched: [0; 2],
            tokens: Vec::new(),
            // Without them it is hits alone that keep the keys fresh.
            has_twins: random.bool(),
            twins: 0,
            verdicts: BTreeMap::new(),
            log: Vec::new(),
        };
        story.fetched = story.count_fetches();
        story.issue(random);
        story
    }

    async fn step(&mut self, random: &mut Rng) {
        match random.u8(..32) {
            0..3 => self.pass(SECOND * random.u32(1..60)).await,
            3..5 => self.pass(MINUTE * random.u32(1..20)).await,
            5 => self.pass(MINUTE * random.u32(20..150)).await,
            6 => self.set_clock(random),
            7 => self.rotate(random),
            8 => self.replace(),
            9 => self.withdraw_old(),
            10 => self.outage(true),
            11 | 12 => self.outage(false),
            13 => self.issue(random),
            14..17 => self.present_bad(random).await,
            _ => self.present(random).await,
        }
    }

    /// A new token by the key of now, good for a while, or only in a while.
    fn issue(&mut self, random: &mut Rng) {
        let now = self.seconds();
        let builder = good(&self.issuer).claim("iss", &*self.url).claim("iat", now);
        let builder = builder.claim("exp", now + random.choice([60, 900, 7_200, 86_400]).unwrap());
        let builder = if random.u8(..4) == 0 { builder.claim("nbf", now + random.u64(..120)) } else { builder };
        let token = builder.sign();
        self.tokens.push((builder, token));
        self.log.push(format!("token {} issued", self.tokens.len() - 1));
    }

    async fn present(&mut self, random: &mut Rng) {
        // The newest as often as all the others.
        let newest = self.tokens.len() - 1;
        let number = if random.bool() { newest } else { random.usize(..=newest) };
        let (builder, token) = self.tokens[number].clone();
        // Often enough to be remembered.
        for _ in 0..random.u8(1..4) {
            self.compare(&format!("token {number}"), &token, Some(&builder)).await;
        }
    }

    /// A token that was never good: nearly one of those that were, or by a key that never was.
    async fn present_bad(&mut self, random: &mut Rng) {
        let number = random.usize(..self.tokens.len());
        let (builder, token) = &self.tokens[number];
        let bad = match random.u8(..3) {
            0 => builder.clone().header("kid", format!("unheard-of-{}", random.u8(..4))).sign(),
            1 => builder.clone().signed_by(&small_issuer()).sign(),
            _ => {
                let at = token.rfind('.').unwrap() + 1 + random.usize(..80);
                let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
                format!("{}{other}{}", &token[..at], &token[at + 1..])
            }
        };
        let said = self.compare(&format!("nearly token {number}"), &bad, None).await;
        assert_ne!(said, Said::Good, "{:#?}", self.log);
    }

    async fn compare(&mut self, what: &str, token: &str, builder: Option<&TokenBuilder>) -> Said {
        self.agree().await;
        let said = [&self.remembering, &self.forgetful].map(|server| Said::of(server.try_verify(token)));
        self.log.push(format!("{what}: {said:?}"));
        let [remembering, forgetful] = said.map(|said| match said {
            // A name that is not at hand is looked for, and how soon that may be done again is each server's own affair.
            Said::Unavailable if self.is_usable()[0] => Said::UnknownKey,
            other => other,
        });
        assert_eq!(remembering, forgetful, "{:#?}", self.log);
        if let Some(builder) = builder.filter(|_| self.has_twins) {
            self.twins += 1;
            let twin = builder.clone().claim("jti", format!("twin-{}", self.twins)).sign();
            let twin = Said::of(self.remembering.try_verify(&twin));
            assert_eq!(said[0], twin, "{:#?}", self.log);
        }
        settle().await;
        *self.verdicts.entry(remembering).or_default() += 1;
        remembering
    }

    /// Waits until both hold the same keys, and both can tell by them, or neither can.
    async fn agree(&mut self) {
        loop {
            self.look_who_fetched();
            let usable = self.is_usable();
            if self.held[0] == self.held[1] && usable[0] == usable[1] {
                return;
            }
            if self.is_down && self.held[0] != self.held[1] {
                // One of them would never hear of what the other knows.
                self.outage(false);
            }
            self.pass(MINUTE).await;
        }
    }

    /// A server that has fetched since the last check has the keys that are published now: the check runs before each change.
    fn look_who_fetched(&mut self) {
        let fetched = self.count_fetches();
        for server in [0, 1] {
            if fetched[server] > self.fetched[server] {
                self.held[server] = self.edition;
            }
        }
        self.fetched = fetched;
    }

    fn count_fetches(&self) -> [u64; 2] {
        [&self.remembering, &self.forgetful].map(|server| {
            let status = &server.status()[0];
            status.fetches - status.failures
        })
    }

    fn is_usable(&self) -> [bool; 2] {
        [&self.remembering, &self.forgetful].map(|server| server.status()[0].is_usable)
    }

    async fn pass(&mut self, duration: Duration) {
        self.log.push(format!("{duration:?} pass"));
        tokio::time::sleep(duration).await;
        settle().await;
        self.clock.set(self.clock.now() + duration);
    }

    /// The time of day is corrected; keys age by it too, if it is put forward.
    fn set_clock(&mut self, random: &mut Rng) {
        let by = SECOND * random.u32(1..90);
        self.log.push(format!("the clock is corrected by up to {by:?}"));
        self.clock.set(if random.bool() { self.clock.now() + by } else { self.clock.now() - by });
    }

    /// A new key of a new name, beside the old or instead of it.
    fn rotate(&mut self, random: &mut Rng) {
        let old = self.published.clone();
        self.issuer.rotate();
        self.published = self.issuer.jwks();
        if random.bool() {
            let old = old["keys"].as_array().unwrap().clone();
            self.published["keys"].as_array_mut().unwrap().extend(old);
        }
        self.publish("rotation");
    }

    /// A new key of an old name: every issuer of this kind calls its keys the same.
    fn replace(&mut self) {
        self.issuer = small_issuer();
        self.published = self.issuer.jwks();
        self.publish("replacement");
    }

    fn withdraw_old(&mut self) {
        self.published = self.issuer.jwks();
        self.publish("withdrawal");
    }

    fn outage(&mut self, is_down: bool) {
        self.is_down = is_down;
        self.publish(if is_down { "outage" } else { "recovery" });
    }

    fn publish(&mut self, what: &str) {
        self.look_who_fetched();
        self.edition += 1;
        self.log.push(format!("{what}: {}", json!(self.published["keys"].as_array().unwrap().len())));
        let fetch = if self.is_down { Fetch::Fail } else { Fetch::Keys(keys(&self.published), None) };
        self.source.set(fetch);
    }

    fn seconds(&self) -> u64 {
        self.clock.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
    }
}

fn keys(jwks: &Value) -> JwkSet {
    JwkSet::from_json(jwks.to_string().as_bytes()).unwrap()
}
