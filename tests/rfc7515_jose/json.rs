//! The JSON of header and payload: duplicate names, escapes, dates, depth.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tower_bearer::ResourceServer;

use super::{with_raw_claim, with_raw_header};
use crate::harness::sets::texts;
use crate::harness::{
    AUDIENCE, ISSUER, app, assert_accepted, assert_refused, decoded, good, server, small_issuer, with_raw_member,
};

/// Row E5.
#[tokio::test]
async fn duplicate_claims_are_refused() {
    let api = app(&server(&ISSUER));
    let token = good(&ISSUER).claim("x", json!({ "y": 1 })).claim("nbf", 0).claim("azp", "client-1");
    let own = decoded(&token)[1].clone();
    let members = serde_json::from_str::<Value>(&own).unwrap();
    for (name, value) in members.as_object().unwrap() {
        let escaped: Vec<_> = name.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        let escaped = escaped.concat();
        assert_refused(
            &api,
            [
                (format!("{name}, the same again"), with_raw_member(&token, &format!("\"{name}\":{value}")).sign()),
                (format!("{name}, another"), with_raw_member(&token, &format!("\"{name}\":\"x\"")).sign()),
                (format!("{name}, null"), with_raw_member(&token, &format!("\"{name}\":null")).sign()),
                (format!("{name}, escaped"), with_raw_member(&token, &format!("\"{escaped}\":{value}")).sign()),
            ],
        )
        .await;
    }
    let twice = [
        r#""new":1,"new":1"#,
        r#""deep":{"a":1,"a":2}"#,
        r#""deep":[[{"a":{"b":1,"\u0062":2}}]]"#,
        r#""deep":{"a":{},"b":[],"c":{"a":1},"a":{}}"#,
    ];
    assert_refused(&api, twice.map(|member| (member, with_raw_member(&token, member).sign()))).await;
    // Good first and evil last is no better than evil first.
    let evil_last = with_raw_member(&token.clone().audience("x"), &format!(r#""aud":"{AUDIENCE}""#));
    assert_refused(&api, [("aud", evil_last.sign())]).await;
    let once = [r#""new":1"#, r#""Aud":"x""#, r#""y":1"#, r#""deep":[{"a":1},{"a":1}]"#];
    assert_accepted(&api, once.map(|member| (member, with_raw_member(&token, member).sign()))).await;
}

/// Row E13.
#[tokio::test]
async fn names_and_strings_compare_after_unescaping() {
    let api = app(&server(&ISSUER));
    let [header, payload] = decoded(&good(&ISSUER));
    let slashes = payload.replace('/', "\\/");
    assert_ne!(slashes, payload);
    assert_accepted(
        &api,
        [
            ("alg", good(&ISSUER).raw_header(header.replace("\"alg\"", r#""\u0061\u006C\u0067""#)).sign()),
            ("ES256", good(&ISSUER).raw_header(header.replace("ES256", r"E\u005325\u0036")).sign()),
            ("aud", good(&ISSUER).raw_payload(payload.replace("\"aud\"", r#""a\u0075d""#)).sign()),
            ("slashes", good(&ISSUER).raw_payload(slashes).sign()),
        ],
    )
    .await;
    assert_refused(
        &api,
        [
            ("another letter", good(&ISSUER).raw_header(header.replace("\"alg\"", "\"\u{ff41}lg\"")).sign()),
            ("escaped twice", good(&ISSUER).raw_header(header.replace("ES256", r"\\u0045S256")).sign()),
            ("no normalization", good(&ISSUER).raw_payload(payload.replace("\"aud\"", "\"a\u{fe00}ud\"")).sign()),
        ],
    )
    .await;
}

/// Rows E26, E27.
#[tokio::test]
async fn a_date_must_be_a_json_number_in_range() {
    let api = app(&server(&ISSUER));
    let dated =
        |name: &str, value: &str| (format!("{name}: {value}"), with_raw_claim(good(&ISSUER), name, value).sign());
    let (past, future) = (texts("past dates"), texts("future dates"));
    assert_accepted(&api, future.iter().map(|value| dated("exp", value))).await;
    for name in ["nbf", "iat"] {
        assert_refused(&api, future.iter().map(|value| dated(name, value))).await;
        assert_accepted(&api, past.iter().map(|value| dated(name, value))).await;
    }
    let of_another_type = [
        "\"4102444800\"",
        "\"\"",
        "\"never\"",
        "\"2100-01-01T00:00:00Z\"",
        "null",
        "true",
        "false",
        "[4102444800]",
        "{\"seconds\":4102444800}",
    ];
    let never = texts("dates out of range + no JSON numbers");
    for name in ["exp", "nbf", "iat"] {
        assert_refused(&api, of_another_type.map(|value| dated(name, value))).await;
        assert_refused(&api, never.iter().map(|value| dated(name, value))).await;
    }
    assert_refused(&api, past.iter().map(|value| dated("exp", value))).await;
}

/// Row E29.
#[tokio::test]
async fn header_and_payload_are_one_json_object_each() {
    let api = app(&server(&ISSUER));
    let [header, payload] = decoded(&good(&ISSUER));
    let spoilt = |text: &str| {
        let body = &text[1..text.len() - 1];
        [
            String::new(),
            "null".to_owned(),
            "1".to_owned(),
            "[]".to_owned(),
            "{}".to_owned(),
            format!("[{text}]"),
            format!("[{text},{text}]"),
            format!("{text}{text}"),
            format!("{text}{{}}"),
            format!("{text}x"),
            format!("{text},"),
            format!("{text}\0"),
            format!("{text}\u{a0}"),
            format!("{text}//"),
            format!("/**/{text}"),
            format!("\0{text}"),
            format!("{{{body}"),
            format!("{body}}}"),
            format!("{{{body},}}"),
            format!("{{,{body}}}"),
            format!("{{{body},x:1}}"),
            format!("{{{body},'x':1}}"),
            format!("{{{body},\"x\"}}"),
            format!("{{{body},\"x\":}}"),
            format!("{{{body},\"x\":\"\n\"}}"),
            format!("{{{body},\"x\":\"\u{1}\"}}"),
            format!("{{{body},\"\t\":1}}"),
            format!("{{{body},\"x\":\"\\x41\"}}"),
            format!("{{{body},\"x\":undefined}}"),
            format!("{{{body},\"x\":NaN}}"),
            format!("{{{body},\"x\":01}}"),
            format!("{{{body},1:1}}"),
            Value::from(text).to_string(),
        ]
    };
    assert_refused(&api, spoilt(&header).map(|raw| (format!("header {raw:?}"), good(&ISSUER).raw_header(raw).sign())))
        .await;
    assert_refused(
        &api,
        spoilt(&payload).map(|raw| (format!("payload {raw:?}"), good(&ISSUER).raw_payload(raw).sign())),
    )
    .await;
    let spaced = |text: &str| format!(" \r\n\t{} \n", text.replace(',', " ,\n ").replace("\":", "\" : "));
    assert_accepted(
        &api,
        [
            ("header", good(&ISSUER).raw_header(spaced(&header)).sign()),
            ("payload", good(&ISSUER).raw_payload(spaced(&payload)).sign()),
        ],
    )
    .await;
}

/// Row E29.
#[tokio::test]
async fn nesting_over_32_levels_is_refused() {
    let api = app(&server(&ISSUER));
    let arrays = |levels: usize| format!("\"x\":{}{}", "[".repeat(levels), "]".repeat(levels));
    let objects = |levels: usize| format!("\"x\":{}1{}", "{\"x\":".repeat(levels), "}".repeat(levels));
    // The object around them is the first of 32 levels.
    for member in [arrays(31), objects(31)] {
        assert_accepted(
            &api,
            [
                ("header", with_raw_header(&good(&ISSUER), &member).sign()),
                ("payload", with_raw_member(&good(&ISSUER), &member).sign()),
            ],
        )
        .await;
    }
    // As many as a token's length allows.
    let open = format!("\"x\":{}", "[".repeat(11_000));
    for member in [arrays(32), objects(32), arrays(128), arrays(5_500), objects(1_800), open] {
        let tokens = [
            ("header", with_raw_header(&good(&ISSUER), &member).sign()),
            ("payload", with_raw_member(&good(&ISSUER), &member).sign()),
        ];
        assert!(tokens.iter().all(|(_, token)| token.len() <= 16 * 1024));
        assert_refused(&api, tokens).await;
    }
    // And more than that, where only the length is in the way.
    assert_refused(&api, [("10,000", with_raw_member(&good(&ISSUER), &arrays(10_000)).sign())]).await;
    // What is read, not skipped, is bounded as well.
    for name in ["aud", "scope", "iss", "cnf"] {
        let value = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        assert_refused(&api, [(name, with_raw_claim(good(&ISSUER), name, &value).sign())]).await;
    }
}

/// Row E32.
#[tokio::test]
async fn claims_are_parsed_only_after_the_signature_is_verified() {
    static READ: AtomicUsize = AtomicUsize::new(0);
    struct Spy;
    impl<'de> serde::Deserialize<'de> for Spy {
        fn deserialize<D: serde::Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
            READ.fetch_add(1, Ordering::Relaxed);
            serde::de::IgnoredAny::deserialize(json).map(|_| Self)
        }
    }

    let (issuer, stranger) = (small_issuer(), small_issuer());
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).claims::<Spy>().build().unwrap();
    for forged in [good(&issuer).signed_by(&stranger), good(&issuer).header("alg", "none"), good(&issuer).audience("x")]
    {
        api.verify(&forged.sign()).await.unwrap_err();
    }
    assert_eq!(READ.load(Ordering::Relaxed), 0);
    api.verify(&good(&issuer).sign()).await.unwrap();
    assert_eq!(READ.load(Ordering::Relaxed), 1);
}
