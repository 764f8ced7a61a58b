use serde_json::json;

use super::*;
use crate::jose::{JsonError, JwsError, encode_base64url};

/// Row L2.
#[test]
fn each_claim_is_required() {
    for client in CLIENTS.iter() {
        assert_eq!(error(&good(client).sign(), client), None, "{client:?}");
        for claim in ["jti", "htm", "htu", "iat", "ath"] {
            let found = cheap_error(&good(client).without_claim(claim).sign(), client);
            assert_eq!(found, Some(ProofError::Missing { claim }), "{client:?}");
        }
    }
}

/// Row L2.
#[test]
fn each_claim_has_its_type() {
    let client = client(Algorithm::ES256);
    let wrong = |name: &str| Some(ProofError::Payload(JsonError::WrongType { name: name.into() }));
    let texts = ["jti", "htm", "htu", "ath", "nonce"];
    for claim in texts {
        for value in [json!(null), json!(1), json!(true), json!(["GET"]), json!({ "a": 1 })] {
            let found = cheap_error(&good(client).claim(claim, &value).sign(), client);
            assert_eq!(found, wrong(claim), "{value}");
        }
    }
    for value in
        [json!(null), json!("1800000000"), json!(true), json!([1_800_000_000]), json!(1e300), json!(1_u64 << 53)]
    {
        assert_eq!(cheap_error(&good(client).claim("iat", &value).sign(), client), wrong("iat"), "{value}");
    }
}

/// Row L3.
#[test]
fn typ_is_that_of_a_proof() {
    for client in CLIENTS.iter() {
        for typ in ["dpop+jwt", "DPoP+JWT", "application/dpop+jwt", "APPLICATION/DPOP+JWT"] {
            assert_eq!(error(&good(client).header("typ", typ).sign(), client), None, "{typ}");
        }
        let wrong = [
            "JWT",
            "at+jwt",
            "dpop",
            "dpop+jwt ",
            "dpop-jwt",
            "text/dpop+jwt",
            "application/",
            "application/x/dpop+jwt",
            "",
        ];
        for typ in wrong {
            let found = cheap_error(&good(client).header("typ", typ).sign(), client);
            assert_eq!(found, Some(ProofError::Type { found: Some(typ.into()) }), "{client:?}");
        }
        let found = cheap_error(&good(client).without_header("typ").sign(), client);
        assert_eq!(found, Some(ProofError::Type { found: None }), "{client:?}");
    }
}

/// Row L4.
#[test]
fn alg_is_an_asymmetric_algorithm() {
    for client in CLIENTS.iter() {
        for alg in ["none", "None", "HS256", "HS384", "HS512", "es256", "ES256 ", "ES256K", "RSA-OAEP", ""] {
            let found = cheap_error(&good(client).header("alg", alg).sign(), client);
            assert_eq!(found, Some(ProofError::Jws(JwsError::Algorithm { found: alg.into() })), "{client:?}");
        }
        let found = cheap_error(&good(client).without_header("alg").sign(), client);
        assert_eq!(found, Some(ProofError::Jws(JwsError::NoAlgorithm)));
    }
}

#[test]
fn no_extension_is_understood_and_no_nested_or_encrypted_token_is_opened() {
    let client = client(Algorithm::ES256);
    let cases = [
        ("crit", json!([]), JwsError::Critical),
        ("crit", json!(["exp"]), JwsError::Critical),
        ("b64", json!(false), JwsError::UnencodedPayload),
        ("cty", json!("JWT"), JwsError::Nested),
        ("enc", json!("A256GCM"), JwsError::Encrypted),
    ];
    for (name, value, expected) in cases {
        let found = cheap_error(&good(client).header(name, value).sign(), client);
        assert_eq!(found, Some(ProofError::Jws(expected)), "{name}");
    }
}

#[test]
fn other_members_are_ignored() {
    let (client, other) = (client(Algorithm::ES256), client(Algorithm::EdDSA));
    let proof = good(client)
        .header("kid", "a key of the issuer")
        .header("x5c", ["MIIB"])
        .header("x5t", "abc")
        .header("x5u", "https://evil.example/cert")
        .header("jku", "https://evil.example/jwks")
        .header("jwks", json!({ "keys": [other.jwk()] }))
        .header("new", json!({ "a": [1, { "jwk": other.jwk() }] }))
        .claim("sub", "user-1")
        .claim("exp", 0)
        .claim("nbf", "never")
        .claim("aud", json!(["x"]))
        .claim("cnf", json!({ "jkt": other.jkt() }))
        .claim("new", json!({ "jti": [1] }));
    assert_eq!(error(&proof.sign(), client), None);
}

/// Row L1.
#[test]
fn one_jws_in_compact_form_and_nothing_else() {
    let client = client(Algorithm::ES256);
    let proof = good(client).sign();
    let [header, payload, signature] = proof.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let wrong = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        format!("{header}.{payload}"),
        format!("{proof}.{signature}"),
        format!("{proof}."),
        format!("{header}.{payload}."),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
        format!(" {proof}"),
        format!("{proof} "),
        format!("{proof}="),
        format!("{proof}\n"),
        format!("\"{proof}\""),
        format!("DPoP {proof}"),
        format!("{proof}, {proof}"),
        format!("{proof},{proof}"),
        json!({ "protected": header, "payload": payload, "signature": signature }).to_string(),
    ];
    for text in wrong {
        assert!(error(&text, client).is_some(), "{text}");
    }
}

#[test]
fn header_and_payload_are_strict_json() {
    let client = client(Algorithm::ES256);
    let jwk = client.jwk();
    let ath = "x";
    let headers = [
        format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{jwk},"jwk":{jwk}}}"#),
        format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{jwk},"\u006awk":{jwk}}}"#),
        format!(r#"{{"typ":"dpop+jwt","typ":"dpop+jwt","alg":"ES256","jwk":{jwk}}}"#),
        format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{jwk},"a":{{"b":1,"b":1}}}}"#),
        format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{jwk}}} {{}}"#),
        format!(r#"[{{"typ":"dpop+jwt","alg":"ES256","jwk":{jwk}}}]"#),
        format!("\u{feff}{{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"jwk\":{jwk}}}"),
        "null".to_owned(),
        String::new(),
    ];
    for header in headers {
        let found = cheap_error(&good(client).raw_header(&*header).sign(), client);
        assert!(matches!(found, Some(ProofError::Jws(JwsError::Header(_)))), "{header}: {found:?}");
    }
    let claims = format!(r#""jti":"1","htm":"GET","htu":"{URL}","iat":1800000000,"ath":"{ath}""#);
    let payloads = [
        format!("{{{claims},\"htm\":\"GET\"}}"),
        format!("{{{claims},\"\\u0068tm\":\"GET\"}}"),
        format!("{{{claims},\"a\":[{{\"b\":1,\"b\":2}}]}}"),
        format!("{{{claims},\"a\":{}1{}}}", "[".repeat(32), "]".repeat(32)),
        format!("{{{claims}}}{{}}"),
        format!("[{{{claims}}}]"),
        format!("\u{feff}{{{claims}}}"),
        format!("{{{claims},}}"),
        "\"text\"".to_owned(),
    ];
    for payload in payloads {
        let found = cheap_error(&good(client).raw_payload(&*payload).sign(), client);
        assert!(matches!(found, Some(ProofError::Payload(_))), "{payload}: {found:?}");
    }
    let not_utf8 = good(client).raw_payload([b"{\"jti\":\"\xff\"}".to_vec()].concat()).sign();
    assert_eq!(cheap_error(&not_utf8, client), Some(ProofError::Payload(JsonError::NotUtf8)));
}

/// Bytes count, not characters.
#[test]
fn a_jti_has_1_to_128_bytes() {
    let client = client(Algorithm::ES256);
    for good_one in ["1".to_owned(), "1".repeat(128), "é".repeat(64), "\u{10ffff}".repeat(32), "\u{0}".repeat(128)] {
        assert_eq!(error(&good(client).id(&good_one).sign(), client), None, "{good_one:?}");
    }
    for (bad, length) in [(String::new(), 0), ("1".repeat(129), 129), ("é".repeat(65), 130), ("€".repeat(43), 129)] {
        let found = cheap_error(&good(client).id(&bad).sign(), client);
        assert_eq!(found, Some(ProofError::JtiLength { length, limit: 128 }), "{bad:?}");
    }
}

#[test]
fn a_nonce_is_read_as_it_is_written() {
    let client = client(Algorithm::ES256);
    let nonce = |proof: ProofBuilder| UnverifiedProof::parse(&proof.sign()).unwrap().nonce().map(str::to_owned);
    assert_eq!(nonce(good(client)), None);
    assert_eq!(nonce(good(client).nonce("")), Some(String::new()));
    assert_eq!(nonce(good(client).nonce("a~b ")), Some("a~b ".to_owned()));
}

#[test]
fn a_proof_has_at_most_4096_bytes_and_one_by_ml_dsa_12288() {
    for client in CLIENTS.iter() {
        let is_ml_dsa = client.jwk()["kty"] == "AKP";
        let limit = if is_ml_dsa { 12_288 } else { 4_096 };
        let proof = good(client).sign();
        let signature = proof.len() - proof.rfind('.').unwrap() - 1;
        let found = |length: usize| {
            let more = length - proof.len();
            // A single character of base64url at the end is less than a byte.
            let is_base64url = (signature + more) % 4 != 1;
            is_base64url.then(|| UnverifiedProof::parse(&format!("{proof}{}", "A".repeat(more))).err())
        };
        for length in (limit - 3..=limit).chain([proof.len() + 4]) {
            assert!(matches!(found(length), None | Some(None)), "{client:?} {length}");
        }
        for length in (limit + 1..=limit + 4).chain([limit + 100, 20_000]) {
            let too_long = |error| error == Some(ProofError::TooLong { length, limit: limit.max(error_limit(length)) });
            assert!(found(length).is_none_or(too_long), "{client:?} {length}");
        }
    }
}

/// A text that is longer than any proof is not read far enough to see its algorithm.
fn error_limit(length: usize) -> usize {
    if length > 12_288 { 12_288 } else { 0 }
}

#[test]
fn a_megabyte_is_not_parsed() {
    let client = client(Algorithm::ES256);
    let length = 1 << 20;
    let limit = 12_288;
    let text = good(client).claim("new", "A".repeat(length)).sign();
    assert_eq!(cheap_error(&text, client), Some(ProofError::TooLong { length: text.len(), limit }));
    let dots = ".".repeat(length);
    assert_eq!(cheap_error(&dots, client), Some(ProofError::TooLong { length, limit }));
    let nested = encode_base64url("[".repeat(6000));
    assert!(cheap_error(&format!("{nested}.e30.AA"), client).is_some());
}

#[test]
fn a_proof_shows_no_claim() {
    let client = client(Algorithm::ES256);
    let proof = UnverifiedProof::parse(&good(client).id("secret-id").nonce("secret-nonce").sign()).unwrap();
    let shown = format!("{proof:?}");
    assert!(shown.contains(&client.jkt()) && !shown.contains("secret"), "{shown}");
    assert!(!shown.contains(client.jwk()["x"].as_str().unwrap()), "{shown}");
}
