//! Rules about the claims.

use fastrand::Rng;
use serde_json::{Value, json};
use tower_bearer::jose::JsonError;
use tower_bearer::validation::TokenError;

use super::{Rule, Setting, half_before, near_miss, neither_string_nor_strings, not, to_come};
use crate::harness::AUDIENCE;
use crate::harness::sets::texts;
use crate::properties::good_token::{LEEWAY, ago, any_case, value, word, write};

/// RFC 9068 §2.2.
pub(super) fn required_claims() -> Vec<Rule> {
    vec![
        required!("iss is absent", "iss"),
        required!("sub is absent", "sub"),
        required!("aud is absent", "aud"),
        required!("exp is absent", "exp"),
        claim_rule!("sub is empty", "sub", |_, _| "".into(), TokenError::Missing { claim: "sub" }),
    ]
}

/// RFC 9068 §4, RFC 7519 §4.1.
pub(super) fn values() -> Vec<Rule> {
    const STRINGS: [&str; 7] = ["iss", "sub", "jti", "client_id", "azp", "typ", "token_use"];
    vec![
        claim_rule!(
            "iss is another one",
            "iss",
            |setting, random| near_miss(setting.issuer.url(), random).into(),
            TokenError::Issuer { .. }
        ),
        claim_rule!(
            "aud is another one",
            "aud",
            |_, random| near_miss(AUDIENCE, random).into(),
            TokenError::Audience { .. }
        ),
        claim_rule!(
            "aud is others",
            "aud",
            |_, random| (0..random.u8(..5)).map(|_| near_miss(AUDIENCE, random)).collect(),
            TokenError::Audience { .. }
        ),
        claim_rule!(
            "aud is of the wrong type",
            "aud",
            |_, random| neither_string_nor_strings(AUDIENCE, random),
            TokenError::Payload(JsonError::WrongType { name }) if name == "aud"
        ),
        claim_rule!(
            "scope is of the wrong type",
            "scope",
            |_, random| neither_string_nor_strings("read:me", random),
            TokenError::Payload(JsonError::WrongType { name }) if name == "scope"
        ),
        rule!(
            "a claim is no string",
            |mut token, _, random| {
                let name = *random.choice(&STRINGS).unwrap();
                token.claims.insert(name.into(), not(Value::is_string, random));
                token.sign(random)
            },
            // A `sub` of null counts as absent, as an empty one does.
            TokenError::Payload(JsonError::WrongType { .. }) | TokenError::Missing { claim: "sub" }
        ),
    ]
}

/// RFC 7519 §2, §4.1.4 to §4.1.6.
pub(super) fn times() -> Vec<Rule> {
    const DATES: [&str; 3] = ["exp", "nbf", "iat"];
    vec![
        claim_rule!(
            "exp has passed",
            "exp",
            |setting, random| match random.u8(..8) {
                0 => json!(-1 - i64::from(random.u32(..))),
                1 => json!(0),
                2 => half_before(setting.now - LEEWAY),
                _ => json!(setting.now - LEEWAY - ago(random)),
            },
            TokenError::Expired { .. }
        ),
        claim_rule!(
            "nbf is to come",
            "nbf",
            |setting, random| to_come(setting, random),
            TokenError::NotYetValid { .. }
        ),
        claim_rule!(
            "iat is to come",
            "iat",
            |setting, random| to_come(setting, random),
            TokenError::IssuedInTheFuture { .. }
        ),
        rule!(
            "a date is no number",
            |mut token, setting, random| {
                let date = match random.u8(..4) {
                    0 => json!(setting.now.to_string()),
                    1 => json!([setting.now]),
                    _ => not(Value::is_number, random),
                };
                token.claims.insert((*random.choice(&DATES).unwrap()).into(), date);
                token.sign(random)
            },
            TokenError::Payload(JsonError::WrongType { name }) if DATES.contains(&&**name)
        ),
        rule!(
            "a date is out of range",
            |mut token, _, random| {
                let name = *random.choice(&DATES).unwrap();
                token.claims.insert(name.into(), "the date".into());
                let date = *random.choice(&["9007199254740992", "-9007199254740992", "18446744073709551616", "1e300", "-1e300"]).unwrap();
                let claims = Value::from(token.claims.clone()).to_string().replace("\"the date\"", date);
                token.sign_as(write(&token.header, random), claims)
            },
            TokenError::Payload(JsonError::WrongType { name }) if DATES.contains(&&**name)
        ),
    ]
}

/// RFC 8725 §3.12, RFC 9068 §5, RFC 7800 §3.1.
pub(super) fn kinds() -> Vec<Rule> {
    const FOREIGN: [&str; 6] = ["at_hash", "c_hash", "s_hash", "events", "htm", "htu"];
    vec![
        claim_rule!("cnf", "cnf", |_, random| value(random, 3), TokenError::Bound),
        rule!(
            "a claim of other tokens",
            |mut token, _, random| {
                token.claims.insert((*random.choice(&FOREIGN).unwrap()).into(), value(random, 3));
                token.sign(random)
            },
            TokenError::NotAnAccessToken { claim } if FOREIGN.contains(claim)
        ),
        claim_rule!(
            "token_use is another one",
            "token_use",
            |_, random| match random.choice(["id", "refresh", "", "Access", "access "]) {
                Some(other) if random.bool() => other.into(),
                _ => word(random).into(),
            },
            TokenError::NotAnAccessToken { claim: "token_use" }
        ),
        claim_rule!(
            "typ in the payload is of another kind",
            "typ",
            |_, random| any_case(random.choice(["id", "refresh", "offline", "logout"]).unwrap(), random).into(),
            TokenError::NotAnAccessToken { claim: "typ" }
        ),
    ]
}

/// RFC 8693 §4.1, RFC 9396 §2.
pub(super) fn grants() -> Vec<Rule> {
    vec![
        claim_rule!(
            "act does not identify an actor",
            "act",
            |_, random| {
                let mut actor = json!({ "sub": word(random), "iss": word(random), "client_id": word(random) });
                match random.u8(..4) {
                    0 => return not(Value::is_object, random),
                    1 => actor = json!({ "iss": word(random), "x": actor }),
                    2 => {
                        let name = *random.choice(&["sub", "iss", "client_id"]).unwrap();
                        actor[name] = if random.bool() { "".into() } else { not(Value::is_string, random) };
                    }
                    _ => actor["act"] = not(Value::is_object, random),
                }
                (0..random.u8(..3)).fold(actor, |act, _| json!({ "sub": word(random), "act": act }))
            },
            TokenError::MalformedClaim { claim: "act", .. }
        ),
        claim_rule!(
            "act names more than 8 actors",
            "act",
            |_, random| {
                let innermost = json!({ "sub": word(random) });
                (0..random.u8(8..28)).fold(innermost, |act, _| json!({ "sub": word(random), "act": act }))
            },
            TokenError::MalformedClaim { claim: "act", .. }
        ),
        claim_rule!(
            "authorization_details is not an array of details",
            "authorization_details",
            |_, random| {
                let bad = match random.u8(..5) {
                    0 => return not(Value::is_array, random),
                    1 => return (0..random.u8(65..100)).map(|_| json!({ "type": word(random) })).collect(),
                    2 => json!({ "type": not(Value::is_string, random) }),
                    3 => json!({ "type": "", "x": { "type": word(random) } }),
                    _ => not(Value::is_object, random),
                };
                let mut details: Vec<_> = (0..random.u8(..4)).map(|_| json!({ "type": word(random) })).collect();
                details.insert(random.usize(..=details.len()), bad);
                details.into()
            },
            TokenError::MalformedClaim { claim: "authorization_details", .. }
        ),
    ]
}

/// What RFC 9068 asks for beyond that.
pub(super) fn of_rfc9068() -> Vec<Rule> {
    let rules = vec![
        required!("client_id is absent", "client_id"),
        required!("jti is absent", "jti"),
        required!("iat is absent", "iat"),
        claim_rule!("client_id is empty", "client_id", |_, _| "".into(), TokenError::Missing { claim: "client_id" }),
        claim_rule!("jti is empty", "jti", |_, _| "".into(), TokenError::Missing { claim: "jti" }),
        header_rule!(
            "typ is that of any JWT",
            "typ",
            |_, random| any_case(random.choice(&texts("types of any JWT")).unwrap(), random).into(),
            TokenError::Type { .. }
        ),
        rule!(
            "typ is absent",
            |mut token, _, random| {
                token.header.remove("typ");
                token.sign(random)
            },
            TokenError::Type { found: None }
        ),
        claim_rule!(
            "scope is an array",
            "scope",
            |_, random| (0..random.u8(..4)).map(|_| word(random)).collect(),
            TokenError::Payload(JsonError::WrongType { name }) if name == "scope"
        ),
    ];
    rules.into_iter().map(Rule::of_rfc9068).collect()
}
