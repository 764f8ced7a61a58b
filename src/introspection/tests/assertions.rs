//! The assertion of `private_key_jwt`.

use serde_json::{Value, json};

use super::generated::Generated;
use super::stub::ok;
use super::*;
use crate::jose::{Algorithm, JwkSet, KnownHeaders, Scratch, Unverified, decode_base64url};

/// The assertion that is sent with this key. Its form in the body is checked.
async fn assertion(key: PrivateKey) -> String {
    let stub = Stub::answering(ok("{}"));
    let authentication = ClientAuthentication::private_key_jwt("shop-api", key).unwrap();
    endpoint(&stub, authentication).ask("t", &MovedClock::new()).await.unwrap();
    let request = stub.requests().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains("authorization"), "{head}");
    let start = "token=t&token_type_hint=access_token\
        &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=";
    body.strip_prefix(start).unwrap_or_else(|| panic!("{body}")).to_owned()
}

fn parts(jwt: &str) -> [Value; 2] {
    let mut parts = jwt.split('.').map(|part| decode_base64url(part).unwrap());
    [(); 2].map(|()| serde_json::from_slice(&parts.next().unwrap()).unwrap())
}

fn is_verified(jwt: &str, public: &Value) -> bool {
    let set = JwkSet::from_json(json!({ "keys": [public] }).to_string().as_bytes()).unwrap();
    let (mut scratch, known) = (Scratch::default(), KnownHeaders::default());
    let jws = Unverified::parse(jwt, &mut scratch, &known).unwrap();
    jws.verify(&set, |_| true, || None, || true).is_ok()
}

/// RFC 7523 §3, and rfc7523bis about `typ` and `aud`.
#[tokio::test]
async fn header_and_claims_are_those_of_the_rfc() {
    let key = PrivateKey::from_pem(&Generated::p256().pems[0]).unwrap();
    let [header, claims] = parts(&assertion(key).await);
    assert_eq!(header, json!({ "typ": "client-authentication+jwt", "alg": "ES256" }));
    let jti = claims["jti"].as_str().unwrap();
    assert_eq!(decode_base64url(jti).map(|bytes| bytes.len()), Some(16));
    let expected = json!({
        "iss": "shop-api", "sub": "shop-api", "aud": ISSUER, "jti": jti, "iat": NOW, "exp": NOW + 60,
    });
    assert_eq!(claims, expected);

    let key = PrivateKey::from_pem(&Generated::p256().pems[0]).unwrap().key_id("2026-11");
    let [header, other] = parts(&assertion(key).await);
    assert_eq!(header, json!({ "typ": "client-authentication+jwt", "alg": "ES256", "kid": "2026-11" }));
    assert_ne!(other["jti"], claims["jti"]);
}

/// A server may remember each `jti` (RFC 7523 §3), so not even a request that is sent again has an old one.
#[tokio::test]
async fn every_request_has_an_assertion_of_its_own() {
    let stub = Stub::start(|exchange| match exchange.before {
        1 => exchange.close(),
        _ => exchange.send(&ok("{}")),
    });
    let key = PrivateKey::from_pem(&Generated::ed25519().pems[0]).unwrap();
    let endpoint = endpoint(&stub, ClientAuthentication::private_key_jwt("shop-api", key).unwrap());
    for _ in 0..2 {
        json(endpoint.ask("t", &MovedClock::new()).await);
    }
    let assertion = |request: &String| request.split_once("client_assertion=").unwrap().1.to_owned();
    let mut assertions: Vec<_> = stub.requests().iter().map(assertion).collect();
    assertions.sort_unstable();
    assertions.dedup();
    assert_eq!(assertions.len(), 3);
}

/// Each format of each key signs by each of its algorithms. Our own verification and that of `jsonwebtoken` accept the signature, and
/// neither accepts a changed one.
#[test]
fn every_key_in_every_format_signs_for_two_verifiers() {
    let mut verified_twice = Vec::new();
    for generated in Generated::all() {
        let jwk = generated.private_jwk.to_string();
        let of_pem = generated.pems.iter().map(|pem| PrivateKey::from_pem(pem));
        let keys: Vec<_> = of_pem.chain([PrivateKey::from_jwk(&jwk)]).map(Result::unwrap).collect();
        assert!(keys.len() >= 3, "{}", generated.name);
        for (number, key) in keys.into_iter().enumerate() {
            let kind = key.signing_algorithm().key_kind();
            let permitted = Algorithm::ALL.iter().filter(|algorithm| algorithm.key_kind() == kind);
            let mut key = key;
            for &algorithm in permitted {
                key = key.algorithm(algorithm).unwrap();
                let jwt = super::assertion::Assertion { client_id: "c", issuer: ISSUER }.sign(&key, UNIX_EPOCH);
                let jwt = jwt.unwrap();
                let at = format!("{} {number} {algorithm}", generated.name);
                assert_eq!(parts(&jwt)[0]["alg"], algorithm.name());
                let changed = format!("{}A{}", &jwt[..jwt.len() - 20], &jwt[jwt.len() - 19..]);
                for (jwt, is_good) in [(&jwt, true), (&changed, changed == jwt)] {
                    assert_eq!(is_verified(jwt, &generated.public_jwk), is_good, "{at}");
                    if let Some(elsewhere) = verified_elsewhere(jwt, &generated.public_jwk, algorithm) {
                        assert_eq!(elsewhere, is_good, "{at}");
                        verified_twice.push(algorithm);
                    }
                }
            }
        }
    }
    verified_twice.sort_unstable();
    verified_twice.dedup();
    assert_eq!(verified_twice.len(), 9, "{verified_twice:?}");
}

/// Whether `jsonwebtoken` accepts the signature. It knows neither ES512 nor the name `Ed25519`.
fn verified_elsewhere(jwt: &str, public: &Value, algorithm: Algorithm) -> Option<bool> {
    let algorithm = algorithm.name().parse::<jsonwebtoken::Algorithm>().ok()?;
    let jwk = serde_json::from_value(public.clone()).ok()?;
    let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).ok()?;
    let mut validation = jsonwebtoken::Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    Some(jsonwebtoken::decode::<Value>(jwt, &key, &validation).is_ok())
}
