//! The token is in a subprotocol as clients of Kubernetes write it: a prefix, a dot and base64url without padding.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use http::StatusCode;

use super::{Fixture, KUBERNETES, encoded};
use crate::harness::good;

#[tokio::test]
async fn a_token_in_base64url_is_decoded() {
    let fixture = Fixture::base64url();
    let offered = encoded(&fixture.token);
    for lines in [
        vec![offered.clone()],
        vec![format!("v4.channel.k8s.io, {offered}")],
        vec![format!(",{offered}\t ,, v4.channel.k8s.io")],
        vec!["v4.channel.k8s.io".into(), offered.clone()],
        // Neither is a token.
        vec![format!("{KUBERNETES}, bearer, x, {offered}")],
    ] {
        fixture.offer(&lines).await.assert_ok();
    }
    for bad in ["x", "x.y.z", "t.o-k_e~n+/==", &fixture.token[1..]] {
        fixture.offer([encoded(bad)]).await.assert_invalid_token();
    }
    // It is decoded once.
    let twice = encoded(URL_SAFE_NO_PAD.encode(&fixture.token));
    fixture.offer([twice]).await.assert_invalid_token();
}

/// A second spelling could pass a list or a log that compares the header as text.
#[tokio::test]
async fn base64url_has_one_spelling() {
    let fixture = Fixture::base64url();
    // Their length leaves unused bits in the last character, and takes padding.
    for rest in [1, 2] {
        let of_length = |length| good(&fixture.issuer).claim("x", "x".repeat(length)).sign();
        let token = (0..40).map(of_length).find(|token| token.len() % 3 == rest).unwrap();
        let text = URL_SAFE_NO_PAD.encode(&token);
        fixture.offer([format!("{KUBERNETES}.{text}")]).await.assert_ok();
        let (start, last) = text.split_at(text.len() - 1);
        for bad in [
            URL_SAFE.encode(&token),
            format!("{text}="),
            format!("{start}{}", with_stray_bit(last)),
            format!("{text}."),
            format!("{start} {last}"),
            format!("{start}\t{last}"),
            format!("{start}+{last}"),
            format!("{start}%{last}"),
            format!(" {text}"),
        ] {
            let answer = fixture.offer([format!("{KUBERNETES}.{bad}")]).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}");
            answer.assert_invalid_request();
        }
    }
    // The other alphabet.
    let other = STANDARD_NO_PAD.encode("~~~???");
    assert!(other.contains(['+', '/']), "{other}");
    fixture.offer([format!("{KUBERNETES}.{other}")]).await.assert_invalid_request();
}

#[tokio::test]
async fn base64url_that_holds_no_b64token_is_malformed() {
    let fixture = Fixture::base64url();
    let token = &fixture.token;
    for bad in [
        String::new(),
        " ".into(),
        format!("{token}\n"),
        format!("{token}\r\n"),
        format!(" {token}"),
        format!("Bearer {token}"),
        format!("{token}, {token}"),
        format!("{token}\0"),
        format!("\u{feff}{token}"),
        "\u{e9}".into(),
        "=".into(),
    ] {
        let answer = fixture.offer([encoded(&bad)]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad:?}");
        answer.assert_invalid_request();
    }
    for bytes in [&b"\xff"[..], b"x\x80", b"\xed\xa0\x80"] {
        fixture.offer([encoded(bytes)]).await.assert_invalid_request();
    }
    let offered = encoded(token);
    for lines in [
        vec![format!("{offered}, {offered}")],
        vec![offered.clone(), offered.clone()],
        vec![format!("{offered}, {KUBERNETES}.")],
    ] {
        fixture.offer(&lines).await.assert_invalid_request();
    }
}

/// The next character: it differs in the lowest bit, which a text of this length does not use.
fn with_stray_bit(last: &str) -> char {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = alphabet.iter().position(|character| last.as_bytes() == [*character]).unwrap();
    assert_eq!(at % 4, 0);
    alphabet[at + 1].into()
}
