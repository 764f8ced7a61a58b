//! `explain` agrees with `verify`: the first failed rule is the reason of the refusal.

use fastrand::Rng;
use tower_bearer::jose::{Algorithm, JwkSet};
use tower_bearer::testing::TestIssuer;
use tower_bearer::validation::VerifyError;
use tower_bearer::{Issuer, ResourceServer};

use super::good_token::GoodToken;
use super::rules::{Rule, Setting};
use super::{Servers, paused_runtime, seed, times};
use crate::harness::{AUDIENCE, ISSUER, clock_at};

/// How many tokens are explained.
const TOKENS: usize = 4_000;
const LISTED: &str = "listed";
/// The one whose jobs may call.
const REPOSITORY: &str = "1";

#[test]
fn the_first_failed_rule_of_an_explanation_is_the_verdict() {
    let stranger = TestIssuer::start();
    paused_runtime().block_on(explain(&stranger, Rng::with_seed(seed())));
}

async fn explain(stranger: &TestIssuer, mut random: Rng) {
    let algorithm = Algorithm::ES256;
    let servers = Servers::of(&ISSUER);
    let setting = Setting { algorithm, issuer: &ISSUER, stranger, now: servers.now };
    let clock = clock_at(servers.now);
    let keys = || JwkSet::from_json(ISSUER.jwks().to_string().as_bytes()).unwrap();
    let server = |issuer| ResourceServer::builder(AUDIENCE).trust(issuer).clock(clock.clone()).build().unwrap();
    let listing = |list: fn(Issuer) -> Issuer| server(list(Issuer::keys(ISSUER.url(), keys()).unwrap()));
    let repositories = Issuer::github_actions_enterprise(ISSUER.url(), [REPOSITORY]).unwrap().keys_from(keys());
    let lists = [
        listing(|issuer| issuer.allow_subjects([LISTED])),
        listing(|issuer| issuer.identify_by_client([LISTED])),
        listing(|issuer| issuer.allow_subjects([LISTED]).identify_by_client([LISTED])),
        server(repositories),
    ];
    let rules = Rule::all();
    let (mut accepted, mut refused) = (0, 0);
    for rule in rules.iter().cycle().take(times(TOKENS)) {
        let mut good = GoodToken::random(&ISSUER, algorithm, servers.now, &mut random);
        for claim in ["sub", "client_id", "azp"] {
            if random.bool() {
                good.claims.insert(claim.into(), LISTED.into());
            }
        }
        if let Some(repository) = random.choice([Some(REPOSITORY), Some("2"), None]).unwrap() {
            good.claims.insert("repository_id".into(), repository.into());
        }
        let token = match random.u8(..3) {
            0 => good.sign(&mut random),
            1 => good.sign_by(stranger, &mut random),
            _ => (rule.break_it)(good.clone(), &setting, &mut random),
        };
        for server in [&servers.generic, &servers.strict, &servers.forgetful].into_iter().chain(&lists) {
            let count = if assert_consistent(server, &token).await { &mut accepted } else { &mut refused };
            *count += 1;
        }
    }
    assert!(accepted > times(TOKENS) / 4 && refused > times(TOKENS), "{accepted} {refused}");
}

/// Whether the token is accepted.
async fn assert_consistent(server: &ResourceServer, token: &str) -> bool {
    let explanation = server.explain(token).await;
    let verdict = server.verify(token).await;
    let failed = explanation.failures().next().map(|step| step.name);
    let told = match (&verdict, failed) {
        (Ok(_), None) => explanation.verdict().is_ok(),
        (Err(VerifyError::Token(error)), Some(failed)) => {
            explanation.verdict().err() == verdict.as_ref().err() && steps_of(error.reason()).contains(&failed)
        }
        _ => false,
    };
    assert!(told, "{verdict:?}: {explanation}\n{token}");
    verdict.is_ok()
}

/// The steps that refuse a token for this reason.
fn steps_of(reason: &str) -> &'static [&'static str] {
    match reason {
        "too_long" => &["size"],
        "malformed" => &["form", "header"],
        "payload" => &["payload", "scope"],
        "missing_claim" => &["iss", "provider", "profile", "sub", "aud", "exp"],
        "issuer" | "tenant" => &["iss", "tenants"],
        "algorithm" => &["alg"],
        "type" => &["typ"],
        "other_kind" => &["kind", "provider"],
        "malformed_claim" => &["act", "authorization_details"],
        "bound" => &["cnf"],
        "audience" => &["aud"],
        "client" => &["clients"],
        "subject" => &["subjects"],
        "user_flow" => &["user_flow"],
        "caller" => &["callers"],
        "expired" => &["exp"],
        "not_yet_valid" => &["nbf"],
        "issued_in_the_future" => &["iat"],
        "unknown_key" | "key_mismatch" => &["kid"],
        "no_kid" => &["kid", "signature"],
        "signature" => &["signature"],
        "claims" => &["claims"],
        other => panic!("a new reason: {other}"),
    }
}
