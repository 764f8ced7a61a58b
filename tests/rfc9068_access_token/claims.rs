//! Type, required claims, issuer, audience and subject.

use serde_json::{Value, json};
use tower_bearer::ResourceServer;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::TestIssuer;
use tower_bearer::validation::Profile;

use super::both;
use crate::harness::sets::values;
use crate::harness::{AUDIENCE, ISSUER, assert_accepted, assert_refused, good};

/// Row C1.
#[tokio::test]
async fn typ_must_be_that_of_an_access_token() {
    let typed = |typ: &Value| (typ.to_string(), good(&ISSUER).header("typ", typ).sign());
    let [generic, strict] = both(&ISSUER);
    let access_token = ["at+jwt", "AT+JWT", "at+JWT", "application/at+jwt", "Application/At+Jwt"];
    for api in [&generic, &strict] {
        assert_accepted(api, access_token.map(|typ| typed(&json!(typ)))).await;
        assert_refused(api, values("other types + no text").iter().map(typed)).await;
        assert_refused(api, [typed(&json!(["at+jwt"])), typed(&json!({ "at+jwt": 1 }))]).await;
    }
    let any_jwt = || {
        let none = ("none".to_owned(), good(&ISSUER).without_header("typ").sign());
        values("types of any JWT").iter().map(typed).chain([none]).collect::<Vec<_>>()
    };
    assert_accepted(&generic, any_jwt()).await;
    assert_refused(&strict, any_jwt()).await;
}

/// Row C4.
#[tokio::test]
async fn required_claims_must_be_present() {
    let [generic, strict] = both(&ISSUER);
    for name in ["iss", "exp", "aud", "sub"] {
        for api in [&generic, &strict] {
            assert_refused(api, [(name, good(&ISSUER).without_claim(name).sign())]).await;
        }
    }
    for name in ["client_id", "iat", "jti"] {
        let token = good(&ISSUER).without_claim(name).sign();
        assert_refused(&strict, [(name, token.clone())]).await;
        assert_accepted(&generic, [(name, token)]).await;
    }
    for name in ["client_id", "jti", "sub"] {
        assert_refused(&strict, [(name, good(&ISSUER).claim(name, "").sign())]).await;
    }
    assert_refused(&generic, [("sub", good(&ISSUER).subject("").sign())]).await;
    // What others write instead does not make up for it.
    let azp = good(&ISSUER).without_claim("client_id").claim("azp", "client-1").sign();
    assert_refused(&strict, [("azp", azp)]).await;
}

/// Row C4.
#[tokio::test]
async fn claims_must_have_their_types() {
    let of = |name: &'static str, values: &[Value]| -> Vec<_> {
        values.iter().map(|value| (format!("{name}: {value}"), good(&ISSUER).claim(name, value).sign())).collect()
    };
    for api in both(&ISSUER) {
        for name in ["iss", "sub", "client_id", "jti", "azp", "token_use", "typ"] {
            assert_refused(&api, of(name, &values("no text"))).await;
            assert_refused(&api, of(name, &[json!(["user-1"])])).await;
        }
        for name in ["exp", "nbf", "iat"] {
            assert_refused(&api, of(name, &values("no number"))).await;
        }
    }
}

/// Row C5.
#[tokio::test]
async fn iss_is_compared_by_code_points() {
    let issuer = TestIssuer::builder().algorithms([Algorithm::ES256]).path("/realms/test").start();
    let url = issuer.url().to_owned();
    let others = [
        json!(format!("{url}/")),
        json!(url.strip_suffix("test").unwrap()),
        json!(format!("{url} ")),
        json!(format!(" {url}")),
        json!(format!("{url}#")),
        json!(format!("{url}?")),
        json!(format!("{url}\0")),
        json!(url.replace("/test", "/Test")),
        json!(url.replace("/test", "/%74est")),
        json!(url.replace("/test", "//test")),
        json!(url.replace("/test", "/./test")),
        json!(url.replace("/test", "/x/../test")),
        json!(url.replace("http:", "HTTP:")),
        json!(url.replace("http:", "https:")),
        json!(url.replace("http://", "")),
        json!(url.replace("127.0.0.1", "localhost")),
        json!(url.replace("127.0.0.1", "127.1")),
        json!(url.replace("127.0.0.1", "user@127.0.0.1")),
        json!(""),
        json!([&url]),
        json!({ "iss": &url }),
    ];
    for api in both(&issuer) {
        assert_accepted(&api, [("the issuer's own", good(&issuer).sign())]).await;
        assert_refused(&api, others.iter().map(|iss| (iss, good(&issuer).claim("iss", iss).sign()))).await;
    }
}

/// Rows C6, E28, D14.
#[tokio::test]
async fn aud_must_name_this_server() {
    let with = |aud: &Value| (aud.to_string(), good(&ISSUER).claim("aud", aud).sign());
    let mine = [json!(AUDIENCE), json!([AUDIENCE]), json!(["https://other.example.test", AUDIENCE])];
    let others = [
        json!("https://other.example.test"),
        json!(["https://other.example.test"]),
        json!(format!("{AUDIENCE}/")),
        json!(format!("{AUDIENCE} ")),
        json!(format!("{AUDIENCE}#x")),
        json!(format!("{AUDIENCE} https://other.example.test")),
        json!(format!("{AUDIENCE},https://other.example.test")),
        json!(AUDIENCE.to_uppercase()),
        json!("https://api.example.test.evil.test"),
        json!("https://api.example.tes"),
        json!("*"),
        json!(""),
        json!([]),
        json!([""]),
        json!([[AUDIENCE]]),
        json!([AUDIENCE, 1]),
        json!([AUDIENCE, null]),
        json!([AUDIENCE, [AUDIENCE]]),
        json!([{ "aud": AUDIENCE }]),
        json!({ "0": AUDIENCE }),
        json!(1),
        json!(true),
        json!(null),
    ];
    for api in both(&ISSUER) {
        assert_accepted(&api, mine.each_ref().map(with)).await;
        assert_refused(&api, others.each_ref().map(with)).await;
        assert_refused(&api, [("none", good(&ISSUER).without_claim("aud").sign())]).await;
    }
}

/// Rows C10, C11.
#[tokio::test]
async fn other_claims_are_exposed() {
    let more = json!({
        "groups": ["a", { "value": "b" }],
        "roles": [{ "value": "admin", "primary": true }],
        "entitlements": "x",
        "acr": "urn:example:mfa",
        "auth_time": 1_700_000_000,
        "amr": ["pwd", "otp"],
    });
    let token = more.as_object().unwrap().iter().fold(good(&ISSUER), |token, (name, value)| token.claim(name, value));
    let api = ResourceServer::builder(AUDIENCE).trust(ISSUER.issuer()).profile(Profile::Rfc9068).build().unwrap();
    let claims: Value = api.verify(&token.sign()).await.unwrap().claims().unwrap();
    for (name, value) in more.as_object().unwrap() {
        assert_eq!(&claims[name], value, "{name}");
    }
}

/// Row C15.
#[tokio::test]
async fn the_subject_may_be_a_client() {
    let token = good(&ISSUER).subject("client-1").client_id("client-1").sign();
    for profile in [Profile::Generic, Profile::Rfc9068] {
        let api = ResourceServer::builder(AUDIENCE).trust(ISSUER.issuer()).profile(profile).build().unwrap();
        let token = api.verify(&token).await.unwrap();
        assert_eq!((token.subject(), token.client_id()), ("client-1", Some("client-1")));
    }
}
