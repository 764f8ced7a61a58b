//! Step-up (RFC 9470) and the other requirements: which token gets which answer where, to the letter.
//!
//! The table is written from the RFCs; nothing in it is computed by the crate. The challenges are read by a parser that
//! knows nothing of the crate either.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::routing::get;
use tower_bearer::Require;
use tower_bearer::require::Levels;
use tower_bearer::testing::{TestIssuer, TokenBuilder};

use crate::harness::{AUDIENCE, Answer, good, present, send, server, small_issuer};

/// The parameters of a challenge, in their order.
type Parameters = &'static [(&'static str, &'static str)];

const REALM: (&str, &str) = ("realm", AUDIENCE);
const INVALID_TOKEN: (u16, Parameters) = (
    401,
    &[
        REALM,
        ("error", "invalid_token"),
        ("error_description", "The access token is malformed, expired, or not valid here"),
    ],
);
const IUA: (&str, &str) = ("error", "insufficient_user_authentication");
const ANEW: (&str, &str) = ("error_description", "The request needs a stronger or more recent authentication");
const IS: (&str, &str) = ("error", "insufficient_scope");
const MORE: (&str, &str) = ("error_description", "The request needs more than the access token grants");

const GOOD: (u16, Parameters) = (200, &[]);
/// A7: no error of any kind.
const BARE: (u16, Parameters) = (401, &[REALM]);
/// J1, J2: what the operation needs of the authentication, and nothing it does not need.
const ACR: (u16, Parameters) = (401, &[REALM, IUA, ANEW, ("acr_values", "mfa hwk")]);
const AGE: (u16, Parameters) = (401, &[REALM, IUA, ANEW, ("max_age", "300")]);
/// J3: all of it at once, so that one more authorization request will do.
const ALL: (u16, Parameters) =
    (401, &[REALM, IUA, ANEW, ("acr_values", "mfa hwk"), ("max_age", "300"), ("scope", "pay read")]);
/// A18, H2: the whole list that is needed.
const SCOPE: (u16, Parameters) = (403, &[REALM, IS, MORE, ("scope", "pay read")]);
const ROLE: (u16, Parameters) = (403, &[REALM, IS, MORE]);
const ANY: (u16, Parameters) = (403, &[REALM, IS, MORE, ("scope", "admin")]);

/// Token by token: behind the scope, the `acr`, the `max_age`, all three, the role, and either of two scopes.
#[rustfmt::skip]
const TABLE: [(&str, [(u16, Parameters); 6]); 13] = [
    ("no token",                  [BARE, BARE, BARE, BARE, BARE, BARE]),
    ("expired",                   [INVALID_TOKEN; 6]),
    ("wrong aud",                 [INVALID_TOKEN; 6]),
    // A19: validity outranks everything else.
    ("expired, and nothing else", [INVALID_TOKEN; 6]),
    ("weak acr",                  [GOOD,  ACR,  GOOD, ALL,   GOOD, GOOD]),
    ("absent acr",                [GOOD,  ACR,  GOOD, ALL,   GOOD, GOOD]),
    ("malformed acr",             [GOOD,  ACR,  GOOD, ALL,   GOOD, GOOD]),
    ("old auth_time",             [GOOD,  GOOD, AGE,  ALL,   GOOD, GOOD]),
    ("absent auth_time",          [GOOD,  GOOD, AGE,  ALL,   GOOD, GOOD]),
    ("malformed auth_time",       [GOOD,  GOOD, AGE,  ALL,   GOOD, GOOD]),
    ("missing scope",             [SCOPE, GOOD, GOOD, SCOPE, GOOD, ANY]),
    ("nothing",                   [SCOPE, ACR,  AGE,  ALL,   ROLE, ANY]),
    ("good",                      [GOOD;  6]),
];

fn requirements() -> [Require; 6] {
    let age = Duration::from_secs(300);
    [
        Require::scope("pay read"),
        Require::token().and_acr("mfa hwk"),
        Require::token().and_max_age(age),
        Require::scope("pay read").and_acr("mfa hwk").and_max_age(age),
        Require::token().and_claim_contains("/realm_access/roles", "admin"),
        Require::any_scope(["admin", "pay read"]),
    ]
}

fn seconds_ago(seconds: u64) -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - seconds
}

fn token(issuer: &TestIssuer, row: &str) -> Option<TokenBuilder> {
    let good = good(issuer)
        .scope("read other pay")
        .claim("acr", "hwk")
        .claim("auth_time", seconds_ago(10))
        .claim("realm_access", serde_json::json!({"roles": ["user", "admin"]}));
    let nothing =
        good.clone().scope("other").claim("acr", "pwd").without_claim("auth_time").without_claim("realm_access");
    Some(match row {
        "no token" => return None,
        "expired" => good.expired_for(Duration::from_secs(90)),
        "wrong aud" => good.audience("https://other.example.test"),
        "expired, and nothing else" => nothing.expired_for(Duration::from_secs(90)),
        "weak acr" => good.claim("acr", "pwd"),
        "absent acr" => good.without_claim("acr"),
        "malformed acr" => good.claim("acr", ["mfa"]),
        "old auth_time" => good.claim("auth_time", seconds_ago(300 + 31)),
        "absent auth_time" => good.without_claim("auth_time"),
        "malformed auth_time" => good.claim("auth_time", seconds_ago(10).to_string()),
        "missing scope" => good.scope("other pay"),
        "nothing" => nothing,
        "good" => good,
        _ => unreachable!("{row}"),
    })
}

/// Rows A14 to A19, J1 to J5.
#[tokio::test]
async fn every_requirement_gives_the_answer_of_the_table() {
    let issuer = small_issuer();
    let api = server(&issuer);
    for (column, requirement) in requirements().into_iter().enumerate() {
        // As a layer of its own, and as part of the protecting one, which tells a request without a token the scope too.
        let within = Router::new().route("/me", get(async || ()).layer(requirement.clone())).layer(api.layer());
        let at_once = Router::new().route("/me", get(async || ())).layer(api.layer().require(requirement.clone()));
        let asked_for = ["pay read", "", "", "pay read", "", "admin"][column];
        for (row, answers) in TABLE {
            let (status, parameters) = answers[column];
            let Some(token) = token(&issuer, row) else {
                check(row, &requirement, &send(&within, "/me", []).await, status, parameters);
                let with_scope = [REALM, ("scope", asked_for)];
                let parameters = if asked_for.is_empty() { parameters } else { &with_scope };
                check(row, &requirement, &send(&at_once, "/me", []).await, status, parameters);
                continue;
            };
            let token = token.sign();
            check(row, &requirement, &present(&within, &token).await, status, parameters);
            check(row, &requirement, &present(&at_once, &token).await, status, parameters);
        }
    }
}

#[track_caller]
fn check(row: &str, requirement: &Require, answer: &Answer, status: u16, parameters: &[(&str, &str)]) {
    assert_eq!(answer.status.as_u16(), status, "{row} {requirement:?}");
    let Some(challenge) = answer.challenge() else {
        return assert!(parameters.is_empty(), "{row} {requirement:?}");
    };
    let challenges = http_auth::parse_challenges(challenge).unwrap();
    assert_eq!(challenges.len(), 1, "{challenge}");
    assert_eq!(challenges[0].scheme, "Bearer");
    let read: Vec<_> = challenges[0].params.iter().map(|(name, value)| (*name, value.to_unescaped())).collect();
    let expected: Vec<_> = parameters.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    assert_eq!(read, expected, "{row} {requirement:?}");
    assert_eq!(answer.headers["cache-control"], "no-store");
}

/// Row J5.
#[tokio::test]
async fn max_age_is_exact_to_the_second() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let now = UNIX_EPOCH + Duration::from_secs(seconds_ago(0));
    let requirement = Require::token().and_max_age(Duration::from_secs(300));
    let at = i64::try_from(now.duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
    // The leeway is 30 seconds.
    for (auth_time, passes) in [
        (at, true),
        (at - 300, true),
        (at - 330, true),
        (at - 331, false),
        (at + 30, true),
        (at + 31, false),
        (0, false),
        (-1, false),
        (9_007_199_254_740_991, false),
    ] {
        let token = api.verify(&good(&issuer).claim("auth_time", auth_time).sign()).await.unwrap();
        assert_eq!(requirement.check(&token, now).is_ok(), passes, "{}", auth_time - at);
    }
}

/// Row J4.
#[tokio::test]
async fn acr_levels_follow_the_given_order() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let levels = Levels::new(["pwd", "mfa", "hwk"]);
    let requirement = Require::token().and_acr_values(levels.at_least("mfa"));
    for (acr, passes) in [("pwd", false), ("mfa", true), ("hwk", true), ("zzz", false), ("mfa hwk", false), ("", false)]
    {
        let token = api.verify(&good(&issuer).claim("acr", acr).sign()).await.unwrap();
        assert_eq!(api.check(&token, &requirement).is_ok(), passes, "{acr:?}");
    }
}

#[tokio::test]
async fn entra_auth_contexts_use_the_claims_parameter() {
    let issuer = small_issuer();
    let app = Router::new()
        .route("/me", get(async || ()).layer(Require::scope("read:me").and_auth_context("c1")))
        .layer(server(&issuer).layer());
    present(&app, &good(&issuer).claim("acrs", ["c2", "c1"]).sign()).await.assert_ok();
    for token in [good(&issuer), good(&issuer).claim("acrs", ["c2"]), good(&issuer).claim("acr", "c1")] {
        let answer = present(&app, &token.sign()).await;
        // base64 of {"access_token":{"acrs":{"essential":true,"value":"c1"}}}
        let claims = "eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19";
        let parameters = [REALM, ("error", "insufficient_claims"), ANEW, ("claims", claims), ("scope", "read:me")];
        check("no c1", &Require::token(), &answer, 401, &parameters);
    }
}
