//! The parameters of the header.

use serde_json::json;

use super::with_raw_header;
use crate::harness::sets::{texts, values};
use crate::harness::signatures::OwnKey;
use crate::harness::{ISSUER, app, assert_accepted, assert_refused, decoded, fetches, good, server, small_issuer};

/// Row E4.
#[tokio::test]
async fn duplicate_header_parameters_are_refused() {
    let api = app(&server(&ISSUER));
    let token = good(&ISSUER).header("x", json!({ "y": 1 })).header("cty", "json");
    let twice = [
        r#""alg":"ES256""#,
        r#""alg":"none""#,
        r#""kid":"p-256-1""#,
        r#""kid":"x""#,
        r#""typ":"at+jwt""#,
        r#""typ":"logout+jwt""#,
        r#""cty":"json""#,
        r#""x":1"#,
        r#""\u0061lg":"ES256""#,
        r#""\u0078":1"#,
        r#""k\u0069d":"p-256-1""#,
        r#""new":1,"new":1"#,
        r#""deep":{"a":1,"a":2}"#,
        r#""deep":[[{"a":{"b":1,"\u0062":2}}]]"#,
    ];
    assert_refused(&api, twice.map(|member| (member, with_raw_header(&token, member).sign()))).await;
    let once = [r#""new":1"#, r#""X":1"#, r#""y":1"#, r#""deep":[{"a":1},{"a":1}]"#];
    assert_accepted(&api, once.map(|member| (member, with_raw_header(&token, member).sign()))).await;
}

/// Row E6.
#[tokio::test]
async fn alg_must_be_a_string() {
    let api = app(&server(&ISSUER));
    assert_refused(&api, [("none", good(&ISSUER).without_header("alg").sign())]).await;
    for alg in values("no text").into_iter().chain([json!(["ES256"]), json!({ "ES256": 1 })]) {
        assert_refused(&api, [(&alg, good(&ISSUER).header("alg", &alg).sign())]).await;
    }
}

/// Row E7.
#[tokio::test]
async fn every_critical_extension_is_refused() {
    let api = app(&server(&ISSUER));
    for crit in values("crit") {
        let token = good(&ISSUER)
            .header("exp", 4_102_444_800_u64)
            .header("EXP", true)
            .header("b64", true)
            .header("urn:example:new", 1);
        assert_accepted(&api, [("without", token.sign())]).await;
        assert_refused(&api, [(&crit, token.header("crit", &crit).sign())]).await;
    }
    let escaped = with_raw_header(&good(&ISSUER), r#""\u0063rit":["x"]"#);
    assert_refused(&api, [("the name by its code points", escaped.sign())]).await;
}

/// Row E8.
#[tokio::test]
async fn an_unencoded_payload_is_refused() {
    let key = OwnKey::generate();
    let api = key.server();
    let token = good(&ISSUER).without_header("kid");
    api.verify(&key.sign(&token.signing_input())).await.unwrap();
    for token in [token.clone().header("b64", false), token.header("b64", false).header("crit", ["b64"])] {
        let input = token.signing_input();
        let (header, _) = input.split_once('.').unwrap();
        let [_, payload] = decoded(&token);
        for input in [&input, &format!("{header}.{payload}"), &format!("{header}.")] {
            assert!(api.verify(&key.sign(input)).await.is_err(), "{input}");
        }
        let detached = key.sign(&format!("{header}.{payload}")).replace(&payload, "");
        assert!(api.verify(&detached).await.is_err());
    }
    for b64 in [json!(null), json!("true"), json!(0), json!([])] {
        assert!(api.verify(&key.sign(&good(&ISSUER).header("b64", &b64).signing_input())).await.is_err(), "{b64}");
    }
}

/// Row E12.
#[tokio::test]
async fn unknown_parameters_that_are_not_critical_are_ignored() {
    let api = app(&server(&ISSUER));
    for (name, value) in [("x", json!(1)), ("nonce", json!("n")), ("exp", json!("x")), ("a", json!({ "b": [null] }))] {
        assert_accepted(
            &api,
            [
                (name, good(&ISSUER).header(name, &value).sign()),
                (name, good(&ISSUER).claim(&format!("urn:{name}"), &value).sign()),
            ],
        )
        .await;
    }
}

/// Row F6.
#[tokio::test]
async fn unsupported_algorithms_are_refused() {
    let issuer = small_issuer();
    let api = app(&server(&issuer));
    let names = texts("ed448 + post-quantum algorithms + other curves + misspelt algorithms");
    assert_refused(&api, names.iter().map(|name| (name, good(&issuer).header("alg", name).sign()))).await;
    assert_eq!(fetches(&issuer), (0, 0));
}
