//! Characters and serializations.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tower_bearer::ResourceServer;
use tower_bearer::validation::Profile;

use crate::harness::{
    AUDIENCE, ISSUER, app, assert_accepted, assert_refused, decoded, fetches, good, send, server, small_issuer,
};

/// Row D11.
#[tokio::test]
async fn header_and_claims_must_be_utf8_without_a_byte_order_mark() {
    let api = app(&server(&ISSUER));
    let [header, payload] = decoded(&good(&ISSUER));
    let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<_>>();
    let with = |text: &str, bytes: &[u8]| {
        let inner = [br#"{"x":""#, bytes, br#"","#].concat();
        [&*inner, &text.as_bytes()[1..]].concat()
    };
    let spoilt = |text: &str| {
        [
            ("a byte order mark", format!("\u{feff}{text}").into_bytes()),
            ("UTF-16LE", utf16(text, u16::to_le_bytes)),
            ("UTF-16BE", utf16(text, u16::to_be_bytes)),
            ("UTF-16 with a mark", utf16(&format!("\u{feff}{text}"), u16::to_le_bytes)),
            ("UTF-32LE", text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect()),
            ("Latin-1", with(text, b"\xe9")),
            ("an overlong slash", with(text, b"\xc0\xaf")),
            ("an overlong NUL", with(text, b"\xc0\x80")),
            ("half a surrogate pair", with(text, b"\xed\xa0\x80")),
            ("a surrogate pair", with(text, b"\xed\xa0\xbd\xed\xb8\x80")),
            ("beyond Unicode", with(text, b"\xf4\x90\x80\x80")),
            ("a sequence cut short", with(text, b"\xe2\x82")),
            ("0xFF", with(text, b"\xff")),
            ("an escaped half of a surrogate pair", with(text, br"\ud800")),
            ("the other half", with(text, br"\ude00")),
        ]
    };
    assert_refused(&api, spoilt(&header).map(|(what, raw)| (what, good(&ISSUER).raw_header(raw).sign()))).await;
    assert_refused(&api, spoilt(&payload).map(|(what, raw)| (what, good(&ISSUER).raw_payload(raw).sign()))).await;
    for fine in ["\u{e9}\u{20ac}\u{1f600}".as_bytes(), br"\u00e9\ud83d\ude00\u0000"] {
        assert_accepted(
            &api,
            [
                ("header", good(&ISSUER).raw_header(with(&header, fine)).sign()),
                ("payload", good(&ISSUER).raw_payload(with(&payload, fine)).sign()),
            ],
        )
        .await;
    }
}

/// Row D19.
#[tokio::test]
async fn json_serializations_are_refused() {
    let issuer = small_issuer();
    let (api, token) = (app(&server(&issuer)), good(&issuer).sign());
    let parts: Vec<_> = token.split('.').collect();
    let flattened = json!({ "protected": parts[0], "payload": parts[1], "signature": parts[2] });
    let general = json!({ "payload": parts[1], "signatures": [{ "protected": parts[0], "signature": parts[2] }] });
    for json in [flattened.to_string(), general.to_string()] {
        send(&api, "/me", [format!("Bearer {json}").as_bytes()]).await.assert_invalid_request();
        let encoded = URL_SAFE_NO_PAD.encode(&json);
        assert_refused(
            &api,
            [
                ("encoded", encoded.clone()),
                ("encoded as the payload", format!("{}.{encoded}.{}", parts[0], parts[2])),
                ("encoded as the header", format!("{encoded}.{}.{}", parts[1], parts[2])),
            ],
        )
        .await;
    }
    assert_eq!(fetches(&issuer), (0, 0));
    assert_accepted(&api, [("compact", token)]).await;
}

/// Rows D19, E2.
#[tokio::test]
async fn characters_outside_base64url_are_refused() {
    let issuer = small_issuer();
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).profile(Profile::Rfc9068).build().unwrap();
    let token = good(&issuer).sign();
    api.verify(&token).await.unwrap();
    let dots: Vec<_> = token.match_indices('.').map(|(place, _)| place).collect();
    let places = [0, 1, dots[0], dots[0] + 1, dots[0] + 5, dots[1], dots[1] + 1, dots[1] + 7, token.len()];
    let outside = (0..=127_u8).map(char::from).filter(|c| !c.is_ascii_alphanumeric() && !"-_".contains(*c));
    for c in outside.chain(['\u{e9}', '\u{2011}', '\u{ff0e}', '\u{feff}']) {
        for place in places {
            let mut inserted = token.clone();
            inserted.insert(place, c);
            assert!(api.verify(&inserted).await.is_err(), "{c:?} at {place}");
            if place < token.len() && !dots.contains(&place) {
                let mut replaced = token.clone();
                replaced.replace_range(place..=place, c.encode_utf8(&mut [0; 4]));
                assert!(api.verify(&replaced).await.is_err(), "{c:?} for {place}");
            }
        }
    }
}
