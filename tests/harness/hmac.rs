//! Tokens signed with HMAC, by everything that a confused verifier may take for the secret.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;
use tower_bearer::testing::TokenBuilder;

/// The algorithm of this name.
pub(crate) fn algorithm(name: &str) -> hmac::Algorithm {
    match name {
        "HS256" => hmac::HMAC_SHA256,
        "HS384" => hmac::HMAC_SHA384,
        "HS512" => hmac::HMAC_SHA512,
        other => panic!("{other} is no HMAC algorithm"),
    }
}

/// Everything that a confused verifier may take for the secret: the public keys of the issuer in every form.
pub(crate) fn public_material(jwks: &Value) -> Vec<(String, Vec<u8>)> {
    const EC_INFO: &[u8] =
        b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04";
    const RSA_INFO: &[u8] =
        b"\x30\x82\x01\x22\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x03\x82\x01\x0f\x00";
    const RSA_KEY: &[u8] = b"\x30\x82\x01\x0a\x02\x82\x01\x01\x00";
    const RSA_EXPONENT: &[u8] = b"\x02\x03\x01\x00\x01";

    let mut material = vec![
        ("nothing".to_owned(), Vec::new()),
        ("the key set".to_owned(), jwks.to_string().into_bytes()),
        ("the key set, pretty".to_owned(), serde_json::to_vec_pretty(jwks).unwrap()),
    ];
    for jwk in jwks["keys"].as_array().unwrap() {
        let kid = jwk["kid"].as_str().unwrap();
        let mut add = |what: &str, secret: Vec<u8>| material.push((format!("{kid}: {what}"), secret));
        add("JWK", jwk.to_string().into_bytes());
        add("JWK, pretty", serde_json::to_vec_pretty(jwk).unwrap());
        add("kid", kid.as_bytes().to_vec());
        for member in ["n", "e", "x", "y"] {
            let Some(text) = jwk[member].as_str() else { continue };
            add(member, bytes(&jwk[member]));
            add("as text", text.as_bytes().to_vec());
        }
        let der = if jwk["kty"] == "RSA" {
            let key = [RSA_KEY, &bytes(&jwk["n"]), RSA_EXPONENT].concat();
            add("PKCS#1", key.clone());
            [RSA_INFO, &key].concat()
        } else {
            let point = [bytes(&jwk["x"]), bytes(&jwk["y"])].concat();
            add("point", [b"\x04".as_slice(), &point].concat());
            [EC_INFO, &point].concat()
        };
        let lines: Vec<_> = STANDARD.encode(&der).as_bytes().chunks(64).map(<[u8]>::to_vec).collect();
        let pem =
            [b"-----BEGIN PUBLIC KEY-----\n".to_vec(), lines.join(&b'\n'), b"\n-----END PUBLIC KEY-----".to_vec()]
                .concat();
        add("DER", der);
        add("PEM, a line feed at the end", [&*pem, b"\n"].concat());
        add("PEM", pem);
    }
    material
}

pub(crate) fn with_hmac(token: &TokenBuilder, algorithm: hmac::Algorithm, secret: &[u8]) -> String {
    let input = token.signing_input();
    let tag = hmac::sign(&hmac::Key::new(algorithm, secret), input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn bytes(base64url: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(base64url.as_str().unwrap()).unwrap()
}
