//! The same tokens, the same keys and another verifier: `jsonwebtoken` with the cryptography of `RustCrypto`, used as its
//! documentation has it, with everything required that it can require.
//!
//! Nothing panics, and every difference between the two verdicts has a name and is looked up in the token:
//!
//! - The crate refuses what the other accepts: the reason is the [flaw](crate::model::Flaw) that the crate's error is about,
//!   and that flaw is there. A signature is never the reason.
//! - The crate accepts what the other refuses: the reason is one of [`Refusal`], and it holds.

use std::sync::LazyLock;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{AlgorithmFamily, DecodingKey, Validation};
use serde_json::Value;
use tower_bearer::ResourceServer;
use tower_bearer::validation::TokenError;
use tower_bearer::validation::VerifyError;

use crate::json::Json;
use crate::model::{Opinion, seconds};
use crate::recipe::Made;
use crate::world::{AUDIENCE, Ageless, ISSUER, KEYS, server};

/// Both go by the time of day.
static SERVER: LazyLock<ResourceServer> = LazyLock::new(|| server(Ageless(std::time::SystemTime::now)));

static KEY_SET: LazyLock<JwkSet> = LazyLock::new(|| {
    let mut jwks = KEYS.jwks();
    // Its set is refused as a whole for one key whose algorithm it does not know.
    let known = |key: &Value| ["p-256-1", "p-384-1", "ed25519-1", "rsa-1"].iter().any(|kid| key["kid"] == *kid);
    jwks["keys"].as_array_mut().expect("keys").retain(known);
    serde_json::from_value(jwks).expect("a key set")
});

/// Each asks its own clock, and the other rounds to whole seconds.
const CLOCKS: f64 = 2.0;

/// Why the other verifier refuses what is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It knows no ES512, no ML-DSA, and no Ed25519 but by the name of `EdDSA`.
    UnknownAlgorithm,
    /// It reads header parameters that nothing is done with, and refuses those that are not of their type.
    UnusedParameter,
    /// A date before 1970 is no date to it.
    BeforeTheEpoch,
    /// A moment at which the two clocks may well differ.
    Clocks,
}

/// Follows a [recipe](crate::recipe), whose `$300` is by the time when the process started.
pub fn run(recipe: &[u8]) {
    let Some(Made { presented: token, .. }) = Made::by(recipe) else { return };
    let opinion = Opinion::on(&token, seconds(std::time::SystemTime::now()));
    let shown = || format!("{token}\nwith {:?}\nand {:?}", opinion.header, opinion.payload);
    match (SERVER.try_verify(&token), decode(&token)) {
        (Ok(_), Ok(())) | (Err(_), Err(_)) => {}
        (Err(VerifyError::Token(TokenError::Signature | TokenError::NoKid { tried: 1.., .. })), Ok(())) => {
            panic!("a good signature is refused: {}", shown())
        }
        (Err(error), Ok(())) => {
            let is_explained = opinion.explains(&error) || opinion.margin < CLOCKS;
            assert!(is_explained, "{error}, and found was {:?}: {}", opinion.flaws, shown());
        }
        (Ok(_), Err(error)) => {
            assert!(refusal(&error, &opinion).is_some(), "accepted, and not for {error:?}: {}", shown());
        }
    }
}

fn decode(token: &str) -> Result<(), ErrorKind> {
    let decode = || {
        let header = jsonwebtoken::decode_header(token)?;
        let family = header.alg.family();
        let key = match &header.kid {
            Some(kid) => KEY_SET.find(kid),
            None => KEY_SET.find(match family {
                AlgorithmFamily::Rsa => "rsa-1",
                AlgorithmFamily::Ed => "ed25519-1",
                _ if header.alg == jsonwebtoken::Algorithm::ES384 => "p-384-1",
                _ => "p-256-1",
            }),
        };
        let key = DecodingKey::from_jwk(key.ok_or(ErrorKind::InvalidKeyFormat)?)?;
        let mut validation = Validation::new_for_family(key.family());
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.leeway = 30;
        validation.validate_nbf = true;
        jsonwebtoken::decode::<Value>(token, &key, &validation).map(drop)
    };
    decode().map_err(jsonwebtoken::errors::Error::into_kind)
}

/// The reason for which the other refuses a good token, if that is in the token.
fn refusal(error: &ErrorKind, opinion: &Opinion) -> Option<Refusal> {
    let header = opinion.header.as_ref()?;
    let payload = opinion.payload.as_ref()?;
    let algorithm = header.member("alg").and_then(Json::text)?;
    let is_early = |name| payload.member(name).and_then(Json::number).is_some_and(|date| date < 0.0);
    let reasons = match error {
        ErrorKind::Json(_) => vec![
            (!KNOWN.contains(&algorithm), Refusal::UnknownAlgorithm),
            (UNUSED.iter().any(|name| header.member(name).is_some()), Refusal::UnusedParameter),
        ],
        ErrorKind::InvalidClaimFormat(_) => vec![(is_early("nbf"), Refusal::BeforeTheEpoch)],
        ErrorKind::ExpiredSignature | ErrorKind::ImmatureSignature => vec![(opinion.margin < CLOCKS, Refusal::Clocks)],
        _ => Vec::new(),
    };
    reasons.into_iter().find(|(holds, _)| *holds).map(|(_, reason)| reason)
}

/// The algorithms that both know.
const KNOWN: [&str; 9] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

/// What it reads of a header beside what the crate reads.
const UNUSED: [&str; 9] = ["jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "zip", "url", "nonce"];
