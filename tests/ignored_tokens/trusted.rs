//! A JWT of a trusted issuer is validated, whatever the predicate says of it.

use std::time::Duration;

use axum::Router;
use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use fastrand::Rng;
use http::StatusCode;
use serde_json::{Value, json};
use tower_bearer::jose::JwkSet;
use tower_bearer::testing::{Endpoint, Fault, TestIssuer, TokenBuilder};
use tower_bearer::{Issuer, Require, ResourceServer};

use super::{Rig, answer, checked, unknown, whole_answer, with_key};
use crate::harness::{AUDIENCE, builder_with_keys, good, small_issuer, with_raw_member};

/// With keys that are never fetched, so that the answer to a token does not depend on those before it.
fn rig_with_fixed_keys() -> Rig {
    Rig::with(|issuer| builder_with_keys(issuer.url(), &issuer.jwks()).build().unwrap())
}

/// The same service without the predicate, and with one that ignores everything.
fn without_and_with(rig: &Rig) -> [Router; 2] {
    let requirement = || with_key(Require::scope("read:me"));
    [rig.api.layer(), rig.api.layer().ignore_tokens(|_| true)].map(|layer| rig.app(layer.require(requirement())))
}

/// The answers are those without the predicate, whether or not an outer layer has put its extension into the request.
async fn assert_validated(rig: &Rig, [without, with]: &[Router; 2], token: &str) -> StatusCode {
    let mut statuses = [StatusCode::OK; 2];
    for (request, status) in [unknown, checked].into_iter().zip(&mut statuses) {
        let (expected, expected_text) = whole_answer(without, request(token)).await;
        let expected_reached = rig.reached();
        let (found, found_text) = whole_answer(with, request(token)).await;
        assert_eq!((found.status, found_text), (expected.status, expected_text), "{token}");
        assert_eq!((found.headers, rig.reached()), (expected.headers, expected_reached), "{token}");
        *status = found.status;
    }
    assert_eq!(statuses[0], statuses[1], "an extension adds nothing: {token}");
    statuses[0]
}

/// The predicate counts: with the extension the request passes, and without it is refused.
async fn assert_ignored(rig: &Rig, apps: &[Router; 2], text: &str) {
    rig.assert_passes(&apps[1], checked(text)).await;
    rig.assert_refused(&apps[1], unknown(text)).await;
}

fn joined(header: &str, payload: &str, signature: &str) -> String {
    let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part));
    format!("{header}.{payload}.{signature}")
}

fn forgeries(issuer: &TestIssuer) -> Vec<String> {
    let stranger = small_issuer();
    let by = |header: &str, payload: &Value| joined(header, &payload.to_string(), "AAAA");
    let claims =
        json!({ "iss": issuer.url(), "sub": "user-1", "aud": AUDIENCE, "scope": "read:me", "exp": 4_000_000_000_u64 });
    // With characters that the two alphabets write differently.
    let valid = good(issuer).header("note", "\u{3ff}\u{3ff}?>").sign();
    let (input, signature) = valid.rsplit_once('.').unwrap();
    let (header, payload) = input.split_once('.').unwrap();
    let standard = |part: &str| STANDARD_NO_PAD.encode(URL_SAFE_NO_PAD.decode(part).unwrap());
    let two_issuers = |token: TokenBuilder| with_raw_member(&token, r#""iss":"https://stranger.test""#).sign();
    vec![
        good(issuer).signed_by(&stranger).sign(),
        by(r#"{"alg":"none"}"#, &claims),
        by(r#"{"alg":"HS256","typ":"JWT"}"#, &claims),
        by(r#"{"alg":"none","crit":["exp"]}"#, &claims),
        by("{not json", &claims),
        by(" {}", &claims),
        by("\u{feff}{}", &claims),
        format!("{input}."),
        format!("{input}.{signature}A"),
        format!("{input}.{signature}="),
        format!("{input}.~"),
        format!("{valid}.AAAA"),
        format!("{valid}.AAAA.AAAA"),
        format!("{header}..{payload}.{signature}"),
        // A lenient reader decodes these.
        format!("{}.{payload}.{signature}", standard(header)),
        format!("{header}x.{payload}.{signature}"),
        format!("{header}.{payload}~.{signature}"),
        two_issuers(good(issuer)),
        with_raw_member(&good(issuer), r#""\u0069ss":"https://stranger.test""#).sign(),
        good(issuer).raw_payload(format!("{claims}\n,")).sign(),
        by(r#"{"alg":"ES256"}"#, &json!({ "iss": [issuer.url()] })),
        by(r#"{"alg":"ES256"}"#, &json!([claims])),
    ]
}

#[tokio::test]
async fn a_jwt_of_a_trusted_issuer_is_never_ignored() {
    let rig = rig_with_fixed_keys();
    let apps = without_and_with(&rig);
    let token = || good(&rig.issuer);
    for (builder, status) in [
        (token(), 200),
        (token(), 200),
        (token(), 200),
        (token().scope("other"), 403),
        (token().expired_for(Duration::from_secs(90)), 401),
        (token().audience("https://other.example.test"), 401),
        (token().claim("nbf", 4e9), 401),
        (token().claim("cnf", json!({ "jkt": "x" })), 401),
        (token().header("kid", "unknown"), 401),
        (token().header("typ", "dpop+jwt"), 401),
        (token().claim("exp", "text"), 401),
    ] {
        assert_eq!(assert_validated(&rig, &apps, &builder.sign()).await, status, "{builder:?}");
    }
    for forged in forgeries(&rig.issuer) {
        assert_eq!(assert_validated(&rig, &apps, &forged).await, 401, "{forged}");
    }
}

/// Changes a few characters of a token. While a lenient reader finds the issuer in it, the predicate does not count.
#[tokio::test]
async fn no_change_of_a_token_makes_it_ignored_while_it_names_its_issuer() {
    const CHARACTERS: &[u8] = b"ABCXYZabcxyz0189-_+/~.=";
    let rig = rig_with_fixed_keys();
    let apps = without_and_with(&rig);
    let mut random = Rng::with_seed(1);
    let token = good(&rig.issuer).claim("note", "\u{3ff}\u{3ff}?>").sign().into_bytes();
    let mut named = 0;
    for _ in 0..6000 {
        let mut text = token.clone();
        for _ in 0..random.usize(1..4) {
            let (at, character) = (random.usize(..text.len()), CHARACTERS[random.usize(..CHARACTERS.len())]);
            match random.u8(..3) {
                0 => text[at] = character,
                1 => text.insert(at, character),
                _ => drop(text.remove(at)),
            }
        }
        let text = String::from_utf8(text).unwrap();
        if names(&text, rig.issuer.url()) {
            named += 1;
            assert_validated(&rig, &apps, &text).await;
        }
    }
    assert!(named > 500, "only {named} of them named the issuer");
}

/// Whether a lenient reader would take the text for a JWT of this issuer.
fn names(text: &str, issuer: &str) -> bool {
    let config = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let decode = |part: &str| {
        let part = part.replace('+', "-").replace('/', "_");
        GeneralPurpose::new(&alphabet::URL_SAFE, config).decode(part).ok()
    };
    let json = |part: &str| serde_json::from_slice::<Value>(&decode(part)?).ok();
    let mut parts = text.split('.');
    let (Some(header), Some(payload), Some(_)) = (parts.next(), parts.next(), parts.next()) else { return false };
    json(header).is_some_and(|header| header.is_object()) && json(payload).is_some_and(|claims| claims["iss"] == issuer)
}

#[tokio::test]
async fn an_outage_does_not_make_a_token_ignored() {
    let rig = Rig::new();
    rig.issuer.fail(Endpoint::Jwks, Fault::Status(500));
    let apps = without_and_with(&rig);
    for request in [unknown(&good(&rig.issuer).sign()), checked(&good(&rig.issuer).sign())] {
        answer(&apps[1], request).await.assert_keys_unavailable();
    }
    assert_eq!(rig.reached(), 0);
}

/// The application may have JWTs of its own, whatever their algorithm.
#[tokio::test]
async fn other_texts_are_ignored() {
    let rig = Rig::new();
    let apps = without_and_with(&rig);
    let own = |header: &str, claims: Value| joined(header, &claims.to_string(), "AAAA");
    let hs256 = r#"{"alg":"HS256","typ":"JWT"}"#;
    for text in [
        "ak_live_7".to_owned(),
        "ak.live.7".to_owned(),
        "a.b.c.d.e".to_owned(),
        "..".to_owned(),
        "eyJ".to_owned(),
        "x".repeat(16 * 1024),
        // The issuer's URL alone names nothing.
        URL_SAFE_NO_PAD.encode(rig.issuer.url()),
        own(hs256, json!({ "sub": "user-1", "exp": 4_000_000_000_u64 })),
        own(hs256, json!({ "iss": "https://own.example.test" })),
        own(hs256, json!({ "iss": format!("{}/", rig.issuer.url()) })),
        own(hs256, json!({ "sub": rig.issuer.url() })),
        own(r#"{"alg":"none"}"#, json!({})),
        small_issuer().token().sign(),
    ] {
        assert_ignored(&rig, &apps, &text).await;
    }
}

/// Nobody can tell from an encrypted token, or one that cannot be read, whose it is.
#[tokio::test]
async fn a_jwt_whose_issuer_cannot_be_read_is_not_ignored() {
    let rig = Rig::new();
    let apps = without_and_with(&rig);
    let hs256 = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#);
    let jwe = URL_SAFE_NO_PAD.encode(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#);
    let own = URL_SAFE_NO_PAD.encode(r#"{"iss":"https://own.example.test"}"#);
    for text in [
        format!("{jwe}.AAAA.AAAA.AAAA.AAAA"),
        format!("{hs256}.AAAA.AAAA"),
        format!("{hs256}..AAAA"),
        format!("{hs256}.{own}.AAAA.AAAA"),
        joined(r#"{"alg":"HS256"}"#, r#"{"iss":"a","iss":"b"}"#, "AAAA"),
        joined(r#"{"alg":"HS256"}"#, r#"{"iss":7}"#, "AAAA"),
    ] {
        assert_eq!(assert_validated(&rig, &apps, &text).await, 401, "{text}");
    }
}

/// Every form of an issuer: user flows and one of a list share it, a template has many, and a trust domain is in the subject.
#[tokio::test]
async fn every_form_of_a_trusted_issuer_counts() {
    const TENANT: &str = "1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a";
    const OTHER: &str = "2b2b2b2b-2222-4222-8222-2b2b2b2b2b2b";
    let rig = Rig::with(|issuer| {
        let keys = JwkSet::from_json(issuer.jwks().to_string().as_bytes()).unwrap();
        let mut spiffe = issuer.jwks();
        spiffe["keys"][0].as_object_mut().unwrap().remove("use");
        let spiffe = JwkSet::from_json(spiffe.to_string().as_bytes()).unwrap();
        ResourceServer::builder(AUDIENCE)
            .trust(issuer.issuer())
            .trust(Issuer::entra_tenants([TENANT]).unwrap().keys_from(keys))
            .trust(Issuer::spiffe("example.org", spiffe).unwrap())
            .build()
            .unwrap()
    });
    let apps = without_and_with(&rig);
    let of = |claims: Value| joined(r#"{"alg":"HS256"}"#, &claims.to_string(), "AAAA");
    let entra = |tenant: &str| format!("https://login.microsoftonline.com/{tenant}/v2.0");
    for trusted in [
        json!({ "iss": entra(TENANT) }),
        // A list is secret, so a tenant that is not on it is none of the application's either.
        json!({ "iss": entra(OTHER) }),
        json!({ "sub": "spiffe://example.org/shop" }),
        json!({ "iss": "https://own.example.test", "sub": "spiffe://example.org/shop" }),
    ] {
        assert_eq!(assert_validated(&rig, &apps, &of(trusted)).await, 401);
    }
    for own in [
        json!({ "iss": entra("common") }),
        json!({ "sub": "spiffe://example.com/shop" }),
        json!({ "sub": "spiffe://example.org" }),
    ] {
        assert_ignored(&rig, &apps, &of(own)).await;
    }
}
