//! A token that breaks a single rule is refused for that rule, whatever its other values and its signing key.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

use fastrand::Rng;
use tower_bearer::jose::{Algorithm, JwkSet};
use tower_bearer::testing::TestIssuer;
use tower_bearer::validation::VerifyError;
use tower_bearer::validation::{Profile, TokenError};
use tower_bearer::{Issuer, ResourceServer};

use super::good_token::GoodToken;
use super::rules::{Rule, Setting};
use super::{Servers, accepted, for_every_algorithm, paused_runtime, refusal, times};
use crate::harness::{AUDIENCE, ISSUER};

/// For each algorithm.
const TOKENS: usize = 10_000;
/// How many rules are broken of one good token.
const OF_ONE: usize = 16;

/// Rows C1 to C13, E4 to E30.
#[test]
fn no_token_that_breaks_a_single_rule_is_accepted() {
    let stranger = TestIssuer::start();
    let broken = Mutex::new(BTreeMap::new());
    for_every_algorithm(|algorithm, random| {
        let started = Instant::now();
        let counts = paused_runtime().block_on(break_rules(algorithm, &stranger, random));
        println!("{algorithm}: {} tokens in {:?}", counts.values().sum::<usize>(), started.elapsed());
        assert!(counts.values().sum::<usize>() >= times(TOKENS));
        let mut broken = broken.lock().unwrap();
        for (rule, count) in counts {
            *broken.entry(rule).or_insert(0) += count;
        }
    });
    let broken = broken.into_inner().unwrap();
    for (rule, count) in &broken {
        println!("{count} × {rule}");
    }
    for rule in Rule::all() {
        assert!(broken[rule.name] >= 1_000, "{}", rule.name);
    }
}

/// How often each rule was broken, and the token refused.
async fn break_rules(algorithm: Algorithm, stranger: &TestIssuer, mut random: Rng) -> BTreeMap<&'static str, usize> {
    let servers = Servers::of(&ISSUER);
    let setting = Setting { algorithm, issuer: &ISSUER, stranger, now: servers.now };
    let without = without(algorithm);
    let rules = Rule::all();
    let mut next = rules.iter().cycle();
    let mut counts = BTreeMap::new();
    let mut broken = 0;
    while broken < times(TOKENS) {
        let good = GoodToken::random(&ISSUER, algorithm, servers.now, &mut random);
        let token = good.sign(&mut random);
        servers.remember(&good, &token).await;
        assert_eq!(refusal(without.verify(&token).await), Some(TokenError::Algorithm { found: algorithm }));
        for rule in next.by_ref().take(OF_ONE) {
            if rule.only_in == Some(Profile::Rfc9068) && !good.is_strict {
                continue;
            }
            let bad = (rule.break_it)(good.clone(), &setting, &mut random);
            assert_rule_refuses(&servers, rule, &good, &bad, &mut random).await;
            *counts.entry(rule.name).or_insert(0) += 1;
            broken += 1;
        }
        servers.still_accept(&good, &token).await;
    }
    counts
}

async fn assert_rule_refuses(servers: &Servers, rule: &Rule, good: &GoodToken, bad: &str, random: &mut Rng) {
    if good.is_strict {
        refused(&servers.strict, rule, good, bad).await;
    }
    if rule.only_in == Some(Profile::Rfc9068) {
        return accepted(&servers.generic, good, bad).await;
    }
    refused(&servers.generic, rule, good, bad).await;
    // Now and then; it would say the same.
    if random.u8(..8) == 0 {
        refused(&servers.forgetful, rule, good, bad).await;
    }
}

async fn refused(server: &ResourceServer, rule: &Rule, good: &GoodToken, bad: &str) {
    let verdict = server.verify(bad).await;
    let is_its = matches!(&verdict, Err(VerifyError::Token(error)) if (rule.is_its)(error));
    assert!(is_its, "{}: {verdict:?}: {good:?} became {bad}", rule.name);
}

/// RFC 8725 §3.1: a server that trusts the issuer with every other algorithm.
fn without(algorithm: Algorithm) -> ResourceServer {
    let keys = JwkSet::from_json(ISSUER.jwks().to_string().as_bytes()).unwrap();
    let others = Algorithm::ALL.iter().copied().filter(|other| *other != algorithm);
    let issuer = Issuer::keys(ISSUER.url(), keys).unwrap().algorithms(others);
    ResourceServer::builder(AUDIENCE).trust(issuer).build().unwrap()
}
