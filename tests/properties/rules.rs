//! The rules, each with the ways to break it and the error that tells of it.

use fastrand::Rng;
use serde_json::{Value, json};
use tower_bearer::jose::{Algorithm, JsonError, JwsError};
use tower_bearer::testing::TestIssuer;
use tower_bearer::token::{Profile, TokenError};

use super::good_token::{GoodToken, LEEWAY, ago, any_case, maybe, value, word, write, write_with_a_member_twice};
use crate::harness::AUDIENCE;

/// One rule.
pub(super) struct Rule {
    pub(super) name: &'static str,
    /// By which rules the token is still good when it is broken: RFC 9068 asks for more.
    pub(super) only_in: Option<Profile>,
    /// Signs the token anew with one thing changed that breaks the rule.
    pub(super) break_it: fn(GoodToken, &Setting, &mut Rng) -> String,
    /// Whether the error is the rule's.
    pub(super) is_its: fn(&TokenError) -> bool,
}

/// Where the token comes from.
pub(super) struct Setting<'i> {
    pub(super) algorithm: Algorithm,
    pub(super) issuer: &'i TestIssuer,
    /// Has keys of the same names.
    pub(super) stranger: &'i TestIssuer,
    pub(super) now: u64,
}

macro_rules! rule {
    ($name:literal, $break_it:expr, $error:pat $(if $guard:expr)?) => {
        Rule { name: $name, only_in: None, break_it: $break_it, is_its: |error| matches!(error, $error $(if $guard)?) }
    };
}

/// A rule for one claim that is changed.
macro_rules! claim_rule {
    ($name:literal, $claim:literal, $value:expr, $error:pat $(if $guard:expr)?) => {
        rule!(
            $name,
            |mut token, setting, random| {
                let value: fn(&Setting, &mut Rng) -> Value = $value;
                token.claims.insert($claim.into(), value(setting, random));
                token.sign(random)
            },
            $error $(if $guard)?
        )
    };
}

/// A rule for one header parameter that is changed.
macro_rules! header_rule {
    ($name:literal, $parameter:literal, $value:expr, $error:pat $(if $guard:expr)?) => {
        rule!(
            $name,
            |mut token, setting, random| {
                let value: fn(&Setting, &mut Rng) -> Value = $value;
                token.header.insert($parameter.into(), value(setting, random));
                token.sign(random)
            },
            $error $(if $guard)?
        )
    };
}

/// A rule for a claim that must be there.
macro_rules! required {
    ($name:literal, $claim:literal) => {
        rule!(
            $name,
            |mut token, _, random| {
                token.claims.remove($claim);
                token.sign(random)
            },
            TokenError::Missing { claim: $claim }
        )
    };
}

impl Rule {
    fn of_rfc9068(self) -> Self {
        Self { only_in: Some(Profile::Rfc9068), ..self }
    }

    pub(super) fn all() -> Vec<Self> {
        [signatures(), header(), json(), required_claims(), values(), times(), kinds(), of_rfc9068()]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// RFC 8725 §3.1, RFC 7515 §4.1.1, §4.1.4 and §5.2.
fn signatures() -> Vec<Rule> {
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
                let unknown =
                    ["none", "None", "nonE", "HS256", "HS384", "HS512", "ES256K", "Ed448", "dir", "RSA-OAEP", ""];
                let own = setting.algorithm.name();
                // Not one of the names is the same in other letters, or with a space.
                let misspelt = [own.to_lowercase(), format!("{own} "), format!(" {own}"), format!("{own}\u{0}")];
                random
                    .choice(unknown.map(str::to_owned).into_iter().chain(misspelt).collect::<Vec<_>>())
                    .unwrap()
                    .into()
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
fn header() -> Vec<Rule> {
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
                let others = [
                    "id+jwt",
                    "logout+jwt",
                    "dpop+jwt",
                    "secevent+jwt",
                    "JWS",
                    "JOSE",
                    "at+jwt ",
                    "at",
                    "jwt+at",
                    "",
                    "text/at+jwt",
                    "application/application/at+jwt",
                    "application/jwt",
                ];
                any_case(random.choice(others).unwrap(), random).into()
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
fn json() -> Vec<Rule> {
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

/// RFC 9068 §2.2.
fn required_claims() -> Vec<Rule> {
    vec![
        required!("iss is absent", "iss"),
        required!("sub is absent", "sub"),
        required!("aud is absent", "aud"),
        required!("exp is absent", "exp"),
        claim_rule!("sub is empty", "sub", |_, _| "".into(), TokenError::Missing { claim: "sub" }),
    ]
}

/// RFC 9068 §4, RFC 7519 §4.1.
fn values() -> Vec<Rule> {
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
            TokenError::Payload(JsonError::WrongType { name }) if STRINGS.contains(&&**name)
        ),
    ]
}

/// RFC 7519 §2, §4.1.4 to §4.1.6.
fn times() -> Vec<Rule> {
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
fn kinds() -> Vec<Rule> {
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

/// What RFC 9068 asks for beyond that.
fn of_rfc9068() -> Vec<Rule> {
    let rules = vec![
        required!("client_id is absent", "client_id"),
        required!("jti is absent", "jti"),
        required!("iat is absent", "iat"),
        claim_rule!("client_id is empty", "client_id", |_, _| "".into(), TokenError::Missing { claim: "client_id" }),
        claim_rule!("jti is empty", "jti", |_, _| "".into(), TokenError::Missing { claim: "jti" }),
        header_rule!("typ is JWT", "typ", |_, random| any_case("jwt", random).into(), TokenError::Type { .. }),
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

/// Any value but those.
fn not(kind: fn(&Value) -> bool, random: &mut Rng) -> Value {
    std::iter::repeat_with(|| value(random, 2)).find(|value| !kind(value)).unwrap()
}

/// Neither a string nor an array of strings, although `text` may be in it.
fn neither_string_nor_strings(text: &str, random: &mut Rng) -> Value {
    let other = not(|value| value.is_string() || value.is_array(), random);
    match random.u8(..4) {
        0 => json!([text, other]),
        1 => json!([[text]]),
        2 => json!({ text: text }),
        _ => other,
    }
}

/// Something that is not `text`, and mostly much like it.
fn near_miss(text: &str, random: &mut Rng) -> String {
    match random.u8(..10) {
        0 => format!("{text}/"),
        1 => format!("{text} "),
        2 => format!(" {text}"),
        3 => format!("{text} {}", word(random)),
        4 => format!("{text}\u{0}"),
        5 => text[..random.usize(..text.len())].to_owned(),
        6 => text[random.usize(1..text.len())..].to_owned(),
        7 => text.to_uppercase(),
        8 => text.replacen("://", ":///", 1),
        _ => word(random),
    }
}

fn to_come(setting: &Setting, random: &mut Rng) -> Value {
    let date = setting.now + LEEWAY + 1 + ago(random);
    if random.bool() { half_before(date) } else { date.into() }
}

fn half_before(date: u64) -> Value {
    serde_json::from_str(&format!("{}.5", date - 1)).unwrap()
}

/// Arrays and objects within one another, to more than the 32 levels that there may be.
fn nested(random: &mut Rng) -> Value {
    (0..random.u8(32..60)).fold(json!(1), |inner, _| if random.bool() { json!([inner]) } else { json!({ "a": inner }) })
}

/// No JSON object any more.
fn spoilt(json: &str, random: &mut Rng) -> Vec<u8> {
    let mut octets = json.as_bytes().to_vec();
    match random.u8(..8) {
        0 => octets.truncate(random.usize(..octets.len())),
        1 => octets.extend(b"{}"),
        2 => octets.extend(b"x"),
        3 => octets = [b"\xef\xbb\xbf", &octets[..]].concat(),
        4 => octets = [b"[", &octets[..], b"]"].concat(),
        5 => octets = serde_json::to_vec(json).unwrap(),
        6 => octets.insert(octets.len() - 1, b','),
        // No character of UTF-8.
        _ => {
            let within = json.find('"').unwrap() + 1;
            octets.insert(within, *random.choice(b"\xc0\xf5\xff\x80").unwrap());
        }
    }
    maybe(random, |_| octets.push(b' '));
    octets
}
