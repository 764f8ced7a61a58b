//! Where jsonwebtoken decides otherwise, and why.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tower_bearer::jose::Algorithm;

use super::{signed, token_by, with_raw_claim, with_raw_header, with_spare_bits};
use crate::harness::signatures::with_signature;
use crate::harness::{AUDIENCE, ISSUER, decoded, server, with_raw_member};

/// The verdict of jsonwebtoken on a token by `algorithm`, with all of its checks enabled.
fn second_opinion(algorithm: Algorithm, token: &str) -> bool {
    let name: jsonwebtoken::Algorithm = algorithm.name().parse().unwrap();
    let header: Value = serde_json::from_str(&decoded(&token_by(algorithm))[0]).unwrap();
    let jwks = ISSUER.jwks();
    let jwk = jwks["keys"].as_array().unwrap().iter().find(|jwk| jwk["kid"] == header["kid"]).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(&serde_json::from_value(jwk.clone()).unwrap()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(name);
    validation.leeway = 30;
    validation.validate_nbf = true;
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER.url()]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    jsonwebtoken::decode::<Value>(token, &key, &validation).is_ok()
}

#[tokio::test]
async fn jsonwebtoken_disagrees_only_in_the_listed_cases() {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    let api = server(&ISSUER);
    let token = || token_by(ES256);
    let [_, payload] = decoded(&token());
    let (input, signature) = signed(&token());
    let (good_input, good_signature) = signed(&token());
    let mut cases: Vec<(&str, Algorithm, String, Option<&str>)> =
        [RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA]
            .into_iter()
            .flat_map(|algorithm| {
                let (input, mut signature) = signed(&token_by(algorithm));
                let good = with_signature(&input, &signature);
                signature[9] ^= 1;
                [
                    ("good", algorithm, good, None),
                    ("one bit flipped", algorithm, with_signature(&input, signature), None),
                ]
            })
            .collect();
    cases.extend([
        ("expired", ES256, token().expired_for(Duration::from_secs(90)).sign(), None),
        ("expired within the leeway", ES256, token().expired_for(Duration::from_secs(5)).sign(), None),
        ("not yet valid", ES256, token().claim("nbf", 4_102_444_800_u64).sign(), None),
        ("another audience", ES256, token().audience("x").sign(), None),
        ("one audience of two", ES256, token().claim("aud", ["x", AUDIENCE]).sign(), None),
        ("no audience", ES256, token().without_claim("aud").sign(), None),
        ("another issuer", ES256, token().claim("iss", "x").sign(), None),
        ("no issuer", ES256, token().without_claim("iss").sign(), None),
        ("no exp", ES256, token().without_claim("exp").sign(), None),
        ("no subject", ES256, token().without_claim("sub").sign(), None),
        ("a fraction", ES256, with_raw_claim(token(), "exp", "4102444800.5").sign(), None),
        ("alg none", ES256, token().header("alg", "none").sign(), None),
        ("alg HS256", ES256, token().header("alg", "HS256").sign(), None),
        ("alg of another key", ES256, token().header("alg", "RS256").sign(), None),
        ("no signature", ES256, format!("{input}."), None),
        ("a signature cut short", ES256, with_signature(&input, &signature[..63]), None),
        ("padding", ES256, format!("{}=", with_signature(&good_input, &good_signature)), None),
        ("two objects", ES256, token().raw_payload(format!("{payload}{payload}")).sign(), None),
        ("a byte order mark", ES256, token().raw_payload(format!("\u{feff}{payload}")).sign(), None),
        ("exp as a string", ES256, token().claim("exp", "4102444800").sign(), None),
        ("exp beyond all dates", ES256, with_raw_claim(token(), "exp", "1e300").sign(), None),
        ("from the future", ES256, token().claim("iat", 4_102_444_800_u64).sign(), Some("it does not look at iat")),
        (
            "a logout token's type",
            ES256,
            token().header("typ", "logout+jwt").sign(),
            Some("it leaves typ to its caller"),
        ),
        ("critical", ES256, token().header("crit", ["x"]).header("x", 1).sign(), None),
        ("unencoded", ES256, token().header("b64", false).sign(), None),
        ("nested", ES256, token().header("cty", "JWT").sign(), Some("it leaves cty to its caller")),
        ("bound", ES256, token().claim("cnf", json!({ "jkt": "x" })).sign(), Some("it leaves cnf to its caller")),
        ("an ID token", ES256, token().claim("at_hash", "x").sign(), Some("it knows no kinds of tokens")),
        ("an empty subject", ES256, token().subject("").sign(), Some("present is enough for it")),
        (
            "a claim twice",
            ES256,
            with_raw_member(&token(), r#""x":1,"x":1"#).sign(),
            Some("the last of two unregistered claims counts for it"),
        ),
        ("aud twice", ES256, with_raw_member(&token(), r#""aud":"x""#).sign(), None),
        ("alg twice", ES256, with_raw_header(&token(), r#""alg":"ES256""#).sign(), None),
        (
            "an unknown header twice",
            ES256,
            with_raw_header(&token(), r#""x":1,"x":1"#).sign(),
            Some("the last of two unregistered members counts for it"),
        ),
        (
            "33 levels",
            ES256,
            with_raw_member(&token(), &format!("\"x\":{}{}", "[".repeat(32), "]".repeat(32))).sign(),
            Some("serde_json's own limit of 128 levels is its limit"),
        ),
        ("a name that is no string", ES256, token().header("kid", 1).sign(), None),
        ("an audience that is no string", ES256, token().claim("aud", json!([AUDIENCE, 1])).sign(), None),
        ("longer than 16 KiB", ES256, token().claim("x", "x".repeat(16 * 1024)).sign(), Some("it has no limit")),
        (
            "bits to spare",
            ES256,
            format!("{good_input}.{}", with_spare_bits(&URL_SAFE_NO_PAD.encode(&good_signature)).remove(0)),
            None,
        ),
    ]);
    let mut surprises = Vec::new();
    for (what, algorithm, token, reason) in cases {
        let (ours, theirs) = (api.verify(&token).await.is_ok(), second_opinion(algorithm, &token));
        if (ours != theirs) != reason.is_some() {
            surprises.push(format!("{algorithm}, {what}: {ours} here, {theirs} there, listed: {reason:?}"));
        }
    }
    assert!(surprises.is_empty(), "{surprises:#?}");
}
