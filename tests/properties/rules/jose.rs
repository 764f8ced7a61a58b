//! Rules about the JOSE object: its signature, its header and its JSON.

use fastrand::Rng;
use serde_json::{Value, json};
use tower_bearer::jose::{Algorithm, JsonError, JwsError};
use tower_bearer::validation::TokenError;

use super::{Rule, Setting, nested, not, spoilt};
use crate::harness::sets::texts;
use crate::properties::good_token::{any_case, value, word, write, write_with_a_member_twice};

/// RFC 8725 §3.1, RFC 7515 §4.1.1, §4.1.4 and §5.2.
pub(super) fn signatures() -> Vec<Rule> {
    vec![
        header_rule!(
            "alg is another one",
            "alg",
            |setting, random| {
                let edwards = [Algorithm::EdDSA, Algorithm::Ed25519];
                let same = |other: &Algorithm| {
                    *other == setting.algorithm || edwards.contains(other) && edwards.contains(&setting.algorithm)
                };
                let others = Algorithm::ALL.iter().copied().filter(|other| !same(other));
                // As often as not one of RSA's, which an RSA key serves all.
                let of_rsa = |other: &Algorithm| other.name().starts_with(['R', 'P']);
                let others: Vec<_> = if random.bool() { others.filter(of_rsa).collect() } else { others.collect() };
                random.choice(others).unwrap().name().into()
            },
            TokenError::Signature | TokenError::KeyMismatch { .. } | TokenError::NoKid { .. }
        ),
        header_rule!(
            "alg is unknown",
            "alg",
            |setting, random| {
                let unknown = texts(
                    "none + almost none + hmac + encryption algorithms + ed448 + post-quantum algorithms + other curves",
                );
                let own = setting.algorithm.name();
                // Not one of the names is the same in other letters, or with a space.
                let misspelt = [own.to_lowercase(), format!("{own} "), format!(" {own}"), format!("{own}\u{0}")];
                random.choice(unknown.into_iter().chain(misspelt).collect::<Vec<_>>()).unwrap().into()
            },
            TokenError::Jws(JwsError::Algorithm { .. })
        ),
        rule!(
            "alg is absent",
            |mut token, _, random| {
                token.header.remove("alg");
                token.sign(random)
            },
            TokenError::Jws(JwsError::NoAlgorithm)
        ),
        header_rule!("kid is unknown", "kid", |_, random| word(random).into(), TokenError::UnknownKey { .. }),
        header_rule!(
            "kid is that of a key of another kind",
            "kid",
            |setting, random| {
                let own = setting.issuer.token_by(setting.algorithm);
                let own: Value = serde_json::from_str(&crate::harness::decoded(&own)[0]).unwrap();
                let jwks = setting.issuer.jwks();
                let kids = jwks["keys"].as_array().unwrap().iter().map(|key| &key["kid"]);
                random.choice(kids.filter(|kid| **kid != own["kid"]).collect::<Vec<_>>()).unwrap().clone()
            },
            TokenError::KeyMismatch { .. }
        ),
        rule!(
            "another one signed it",
            |token, setting, random| token.sign_by(setting.stranger, random),
            TokenError::Signature | TokenError::NoKid { .. }
        ),
    ]
}

/// RFC 7515 §4, RFC 8725 §3.11, RFC 7519 §5.2, RFC 7797 §7.
pub(super) fn header() -> Vec<Rule> {
    vec![
        rule!(
            "a header parameter is of the wrong type",
            |mut token, _, random| {
                let name = *random.choice(&["alg", "kid", "typ", "cty", "b64"]).unwrap();
                let value = if name == "b64" { not(Value::is_boolean, random) } else { not(Value::is_string, random) };
                token.header.insert(name.into(), value);
                token.sign(random)
            },
            TokenError::Jws(JwsError::Header(JsonError::WrongType { .. }))
        ),
        header_rule!(
            "typ is another one",
            "typ",
            |_, random| {
                let others = texts("other types");
                any_case(random.choice(&others).unwrap(), random).into()
            },
            TokenError::Type { .. }
        ),
        header_rule!(
            "crit",
            "crit",
            |_, random| match random.u8(..3) {
                0 => value(random, 2),
                1 => json!([random.choice(["exp", "b64", "alg", "x", ""]).unwrap()]),
                _ => json!([]),
            },
            TokenError::Jws(JwsError::Critical)
        ),
        header_rule!("b64 is false", "b64", |_, _| false.into(), TokenError::Jws(JwsError::UnencodedPayload)),
        header_rule!(
            "cty is a token",
            "cty",
            |_, random| any_case(random.choice(["jwt", "application/jwt"]).unwrap(), random).into(),
            TokenError::Jws(JwsError::Nested)
        ),
        header_rule!("enc", "enc", |_, random| value(random, 2), TokenError::Jws(JwsError::Encrypted)),
    ]
}

/// RFC 8259, RFC 7515 §4, RFC 7519 §4 and §7.2.
pub(super) fn json() -> Vec<Rule> {
    vec![
        rule!(
            "a header parameter stands twice",
            |token, _, random| {
                let (header, _) = write_with_a_member_twice(&token.header, random);
                token.sign_as(header, write(&token.claims, random))
            },
            TokenError::Jws(JwsError::Header(JsonError::Duplicate { .. }))
        ),
        rule!(
            "a claim stands twice",
            |token, _, random| {
                let (claims, _) = write_with_a_member_twice(&token.claims, random);
                token.sign_as(write(&token.header, random), claims)
            },
            TokenError::Payload(JsonError::Duplicate { .. })
        ),
        rule!(
            "the header is no JSON object",
            |token, _, random| token
                .sign_as(spoilt(&write(&token.header, random), random), write(&token.claims, random)),
            TokenError::Jws(JwsError::Header(JsonError::Syntax { .. } | JsonError::NotUtf8 | JsonError::NotAnObject))
        ),
        rule!(
            "the payload is no JSON object",
            |token, _, random| token
                .sign_as(write(&token.header, random), spoilt(&write(&token.claims, random), random)),
            TokenError::Payload(JsonError::Syntax { .. } | JsonError::NotUtf8 | JsonError::NotAnObject)
        ),
        header_rule!(
            "the header is nested too deeply",
            "new",
            |_, random| nested(random),
            TokenError::Jws(JwsError::Header(JsonError::TooDeep))
        ),
        claim_rule!(
            "the payload is nested too deeply",
            "new",
            |_, random| nested(random),
            TokenError::Payload(JsonError::TooDeep)
        ),
        claim_rule!(
            "the token is too long",
            "new",
            |_, random| "x".repeat(random.usize(12_288..20_000)).into(),
            TokenError::TooLong { .. }
        ),
    ]
}
