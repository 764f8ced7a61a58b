//! The compact serialization: three parts, base64url, size.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tower_bearer::{validation::TokenError, validation::VerifyError};

use super::with_spare_bits;
use crate::harness::signatures::OwnKey;
use crate::harness::{ISSUER, app, assert_accepted, assert_refused, good, server};

/// Row E1.
#[tokio::test]
async fn a_token_has_three_non_empty_parts() {
    let api = app(&server(&ISSUER));
    let token = good(&ISSUER).sign();
    let [h, p, s] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    assert_refused(
        &api,
        [
            ("1", h.to_owned()),
            ("2", format!("{h}.{p}")),
            ("2, header and signature", format!("{h}.{s}")),
            ("4", format!("{h}.{p}.{s}.")),
            ("4, one in front", format!(".{h}.{p}.{s}")),
            ("4, a second signature", format!("{h}.{p}.{s}.{s}")),
            ("5", format!("{h}.{p}.{s}..")),
            ("6", format!("{h}.{p}.{s}.{h}.{p}.{s}")),
            ("many", format!("{h}.{p}.{s}{}", ".".repeat(10_000))),
            ("no header", format!(".{p}.{s}")),
            ("no payload", format!("{h}..{s}")),
            ("no signature", format!("{h}.{p}.")),
            ("dots", "..".to_owned()),
            ("a dot", ".".to_owned()),
            ("another order", format!("{p}.{h}.{s}")),
        ],
    )
    .await;
    assert_refused(&api, [("an empty payload", good(&ISSUER).raw_payload("").sign())]).await;
    assert_refused(&api, [("an empty header", good(&ISSUER).raw_header("").sign())]).await;
    assert_accepted(&api, [("3", token)]).await;
}

/// Rows E2, E3.
#[tokio::test]
async fn only_canonical_base64url_is_accepted() {
    let key = OwnKey::generate();
    let api = key.server();
    // Lengths that leave every number of spare bits, and bytes that the two alphabets spell differently.
    for more in ["", "?", "??"] {
        let x = format!("???>>>{more}");
        let token = good(&ISSUER).without_header("kid").header("x", &x).claim("x", &x);
        let input = token.signing_input();
        let (header, payload) = input.split_once('.').unwrap();
        api.verify(&key.sign(&input)).await.unwrap();
        let misspelt = |part: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(part).unwrap();
            let mut spellings = vec![format!("{part}="), format!("{part}=="), format!("{part}\n"), format!(" {part}")];
            spellings.extend([URL_SAFE.encode(&bytes), STANDARD_NO_PAD.encode(&bytes)]);
            spellings.push(format!("{}\r\n{}", &part[..8], &part[8..]));
            // One character more is six bits, which are no byte.
            spellings.push(format!("{part}{}", &"AAA"[..(5 - part.len() % 4) % 4]));
            spellings.extend(with_spare_bits(part));
            spellings.retain(|spelling| spelling != part);
            spellings
        };
        let headers = misspelt(header).into_iter().map(|header| format!("{header}.{payload}"));
        let payloads = misspelt(payload).into_iter().map(|payload| format!("{header}.{payload}"));
        for input in headers.chain(payloads) {
            let error = api.verify(&key.sign(&input)).await.unwrap_err();
            assert!(matches!(error, VerifyError::Token(TokenError::Jws(_))), "{input}: {error}");
        }
        let signed = key.sign(&input);
        let (_, signature) = signed.rsplit_once('.').unwrap();
        for signature in misspelt(signature) {
            assert!(api.verify(&format!("{input}.{signature}")).await.is_err(), "{signature}");
        }
    }
}

/// Row E30.
#[tokio::test]
async fn a_nested_token_is_refused() {
    let api = app(&server(&ISSUER));
    for cty in [json!("JWT"), json!("jwt"), json!("Jwt"), json!("application/jwt"), json!(null), json!(["JWT"])] {
        let token = good(&ISSUER).header("cty", &cty);
        let nested = token.clone().raw_payload(good(&ISSUER).sign());
        assert_refused(&api, [(&cty, token.sign()), (&cty, nested.sign())]).await;
    }
    assert_refused(&api, [("unmarked", good(&ISSUER).raw_payload(good(&ISSUER).sign()).sign())]).await;
    let quoted = Value::from(good(&ISSUER).sign()).to_string();
    assert_refused(&api, [("as a JSON string", good(&ISSUER).raw_payload(quoted).sign())]).await;
    assert_accepted(&api, [("another", good(&ISSUER).header("cty", "json").sign())]).await;
}

/// Row E32.
#[tokio::test]
async fn tokens_over_16_kib_are_refused() {
    let api = app(&server(&ISSUER));
    let padded = |bytes: usize| good(&ISSUER).claim("x", "x".repeat(bytes));
    let length = |bytes: usize| padded(bytes).signing_input().len() + 1 + 86;
    let most = (11_000..12_288).rfind(|bytes| length(*bytes) <= 16 * 1024).unwrap();
    assert!(length(most) >= 16 * 1024 - 1, "base64url skips one length in four");
    assert_accepted(&api, [("at most", padded(most).sign())]).await;
    assert_refused(&api, [("more", padded(most + 1).sign())]).await;
}
