//! What strangers can make tenants in the table fetch again.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tower_bearer::clock::Clock;

use super::{Rig, assert_later, iss};
use crate::harness::memory_source::{Fetch, HOUR, INSTANT, MINUTE, SECOND, Source, keys};
use crate::harness::{AUDIENCE, small_issuer};

const MINUTES: u32 = 3;
/// How many fetches in a second tokens may cause, of all tenants together.
const A_SECOND: u32 = 10;

/// The time of the paused runtime. The time of day stands still, so that every token was issued just now, as strangers can say of theirs.
struct Paused(SystemTime);

impl Clock for Paused {
    fn now(&self) -> SystemTime {
        self.0
    }
}

/// A server with tenants in the table, whose keys were fetched long ago and are fresh for longer than a test takes.
struct InTable {
    rig: Arc<Rig>,
    sources: Vec<Source>,
}

impl InTable {
    async fn new(tenants: usize) -> Self {
        let rig =
            Rig::with(0, |settings| settings.max_tenants(tenants), |builder| builder.clock(Paused(SystemTime::now())));
        let fetch = Fetch::Keys(keys(&rig.signer), Some(HOUR));
        let sources: Vec<_> = (0..tenants).map(|_| Source::new(fetch.clone())).collect();
        for (number, source) in sources.iter().enumerate() {
            rig.database.insert(&iss(number), source, |issuer| issuer);
            assert_eq!(rig.use_tenant(number).await, 200);
        }
        // All budgets are full.
        tokio::time::advance(10 * MINUTE).await;
        Self { rig: Arc::new(rig), sources }
    }

    /// Sends each token once a second for three minutes, and asserts the statuses. Returns how often each tenant's keys were fetched.
    async fn flood(&self, tokens: &[String], statuses: &[u16]) -> Vec<u32> {
        let (before, end) = (self.fetches(), Instant::now() + MINUTES * MINUTE);
        let mut requests = Vec::new();
        while Instant::now() < end {
            requests.extend(self.begin(tokens));
            // No request waits for longer.
            tokio::time::sleep(SECOND).await;
        }
        for request in requests {
            let status = request.await.unwrap();
            assert!(statuses.contains(&status), "{status}");
        }
        self.fetches().iter().zip(before).map(|(after, before)| after - before).collect()
    }

    /// Sends all at once.
    fn begin(&self, tokens: &[String]) -> Vec<JoinHandle<u16>> {
        let requests = tokens.iter().map(|token| {
            let (rig, token) = (Arc::clone(&self.rig), token.clone());
            tokio::spawn(async move { rig.status(&token).await })
        });
        requests.collect()
    }

    fn fetches(&self) -> Vec<u32> {
        self.sources.iter().map(|source| source.fetches().try_into().unwrap()).collect()
    }

    /// For each tenant, a good token, changed.
    fn tokens(&self, change: impl Fn(&Rig, &str) -> String) -> Vec<String> {
        (0..self.sources.len()).map(|number| change(&self.rig, &iss(number))).collect()
    }

    fn of_unknown_key(&self) -> Vec<String> {
        self.tokens(|rig, iss| rig.token(iss).expires_in(HOUR).header("kid", "new").sign())
    }
}

/// A token with another third part.
fn with_signature(token: &str, signature: &str) -> String {
    format!("{}.{signature}", token.rsplit_once('.').unwrap().0)
}

#[tokio::test(start_paused = true)]
async fn tokens_without_a_signature_make_no_tenant_refetch() {
    let table = InTable::new(64).await;
    let active = table.rig.active();
    let none = table.tokens(|rig, iss| with_signature(&rig.token(iss).header("alg", "none").sign(), ""));
    let empty = table.tokens(|rig, iss| with_signature(&rig.token(iss).sign(), ""));
    let of_unknown_key = table.of_unknown_key().iter().map(|token| with_signature(token, "")).collect();
    let cut = table.tokens(|rig, iss| rig.token(iss).sign().rsplit_once('.').unwrap().0.to_owned());
    let shortened = table.tokens(|rig, iss| {
        let token = rig.token(iss).sign();
        token[..token.len() - 2].to_owned()
    });
    for tokens in [none, empty, of_unknown_key, cut, shortened] {
        assert_eq!(table.flood(&tokens, &[401]).await, [0; 64], "{}", tokens[0]);
    }
    assert_eq!(table.rig.active(), active);
    assert_eq!(table.rig.database.calls(), 64);
}

#[tokio::test(start_paused = true)]
async fn bad_signatures_make_each_tenant_refetch_once_a_minute() {
    let table = InTable::new(64).await;
    let forged = table.tokens(Rig::forged);
    assert_eq!(table.flood(&forged, &[401]).await, [MINUTES; 64]);
}

/// As often as they would make any issuer, while so few tenants are named that the rate of the server is not used up.
#[tokio::test(start_paused = true)]
async fn unknown_keys_make_each_tenant_refetch_every_five_seconds() {
    let table = InTable::new(32).await;
    let tokens = table.of_unknown_key();
    // Two at once, and then one after each interval.
    assert_eq!(table.flood(&tokens, &[401, 429]).await, [2 + MINUTES * 12; 32]);
}

/// However many tenants are in the table, and with bad signatures too.
#[tokio::test(start_paused = true)]
async fn of_all_tenants_together_ten_refetch_in_a_second_and_each_once_a_minute() {
    const TENANTS: u32 = 400;
    let table = InTable::new(TENANTS as usize).await;
    let tokens = [table.of_unknown_key(), table.tokens(Rig::forged)].concat();
    let again = table.flood(&tokens, &[401, 429]).await;
    let (all, bound) = (again.iter().sum::<u32>(), TENANTS + MINUTES * (60 * A_SECOND + TENANTS));
    assert!(all <= bound && all > bound / 2, "{all} of {bound}");
    assert!(again.iter().all(|again| (MINUTES..=2 + MINUTES * 13).contains(again)), "{again:?}");
}

/// Strangers have made every tenant refetch, use up the rate of the server, and all tenants change their keys at once.
#[tokio::test(start_paused = true)]
async fn a_new_key_is_noticed_within_a_minute_whatever_strangers_send() {
    const TENANTS: usize = 400;
    let table = InTable::new(TENANTS).await;
    let strangers = table.of_unknown_key();
    table.flood(&strangers, &[401, 429]).await;
    drop(table.begin(&strangers));
    // Later than the last fetch.
    tokio::time::sleep(INSTANT).await;
    let new = small_issuer();
    new.rotate();
    table.sources.iter().for_each(|source| source.set(Fetch::Keys(keys(&new), Some(HOUR))));
    let good = |number| new.token().claim("iss", iss(number)).audience(AUDIENCE).sign();
    let mut waiting: Vec<_> = (0..TENANTS).map(good).collect();
    let mut seconds = 0;
    while !waiting.is_empty() {
        assert!(seconds <= 60, "{} tenants wait for longer", waiting.len());
        // Before the others, so that these get what is left of the rate.
        drop(table.begin(&strangers[..TENANTS / 2]));
        let mut later = Vec::new();
        for token in waiting {
            let answer = table.rig.send(&token).await;
            if answer.is_err() {
                assert_later(&answer, 429);
                later.push(token);
            }
        }
        waiting = later;
        tokio::time::sleep(SECOND).await;
        seconds += 1;
    }
    assert!(seconds > 30, "{seconds} s: strangers did not use up the rate");
}
