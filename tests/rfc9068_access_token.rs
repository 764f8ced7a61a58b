//! What makes a JWT an access token for this server: RFC 9068, to the letter and as most issuers follow it.

use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_bearer::ResourceServer;
use tower_bearer::jose::Algorithm;
use tower_bearer::server::ConfigError;
use tower_bearer::testing::{TestClock, TestIssuer, TokenBuilder};
use tower_bearer::token::Profile;

use crate::harness::{
    AUDIENCE, ISSUER, app, assert_accepted, assert_refused, builder_with_keys, fetches, good, present, server,
    small_issuer, strict_server, with_raw_member,
};

/// The lenient profile and the strict one.
fn both(issuer: &TestIssuer) -> [Router; 2] {
    [app(&server(issuer)), app(&strict_server(issuer))]
}

/// 2030-01-01, when the tests about time take place.
const NOW: u32 = 1_893_456_000;

fn clock() -> TestClock {
    let clock = TestClock::new();
    clock.set(UNIX_EPOCH + Duration::from_secs(NOW.into()));
    clock
}

/// An API that allows for this much of a difference between clocks.
fn with_leeway(issuer: &TestIssuer, clock: &TestClock, leeway: u64) -> Router {
    let leeway = Duration::from_secs(leeway);
    let server = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).clock(clock.clone()).leeway(leeway);
    app(&server.build().unwrap())
}

/// A date so many seconds after [`NOW`].
fn at(offset: f64) -> f64 {
    f64::from(NOW) + offset
}

fn timed_issuer(clock: &TestClock) -> TestIssuer {
    TestIssuer::builder().algorithms([Algorithm::ES256]).clock(clock.clone()).start()
}

#[tokio::test]
async fn c1_the_type_is_that_of_an_access_token() {
    let typed = |typ: &Value| (typ.to_string(), good(&ISSUER).header("typ", typ).sign());
    let [generic, strict] = both(&ISSUER);
    let access_token = ["at+jwt", "AT+JWT", "at+JWT", "application/at+jwt", "Application/At+Jwt"];
    for api in [&generic, &strict] {
        assert_accepted(api, access_token.map(|typ| typed(&json!(typ)))).await;
        let odd = [
            json!(""),
            json!("at+jwt "),
            json!(" at+jwt"),
            json!("at+jwt;v=1"),
            json!("application/at+jwt; charset=utf-8"),
            json!("at"),
            json!("at jwt"),
            json!("atjwt"),
            json!("text/at+jwt"),
            json!("application/application/at+jwt"),
            json!("\u{ff41}t+jwt"),
            json!("JOSE"),
            json!("JWE"),
            json!(null),
            json!(1),
            json!(true),
            json!(["at+jwt"]),
            json!({ "at+jwt": 1 }),
        ];
        assert_refused(api, odd.each_ref().map(typed)).await;
    }
    let usual = [
        ("JWT", good(&ISSUER).header("typ", "JWT").sign()),
        ("jwt", good(&ISSUER).header("typ", "jwt").sign()),
        ("none", good(&ISSUER).without_header("typ").sign()),
    ];
    assert_accepted(&generic, usual.clone()).await;
    assert_refused(&strict, usual).await;
}

#[tokio::test]
async fn c2_an_unsigned_token_is_none() {
    let unsigned = good(&ISSUER).header("alg", "none");
    for api in both(&ISSUER) {
        assert_refused(
            &api,
            [
                ("an empty signature", format!("{}.", unsigned.signing_input())),
                ("a good signature", unsigned.sign()),
                ("no signature at all", unsigned.signing_input()),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn c3_rs256_is_supported() {
    let token = ISSUER.token_by(Algorithm::RS256).audience(AUDIENCE).scope("read:me").sign();
    for api in both(&ISSUER) {
        present(&api, &token).await.assert_ok();
    }
}

#[tokio::test]
async fn c4_the_claims_that_must_be_there() {
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

#[tokio::test]
async fn c4_claims_are_of_their_types() {
    let texts = [json!(null), json!(1), json!(true), json!([]), json!(["user-1"]), json!({})];
    let dates = [json!(null), json!("4102444800"), json!(true), json!([4_102_444_800_u64]), json!({})];
    let of = |name: &'static str, values: &[Value]| -> Vec<_> {
        values.iter().map(|value| (format!("{name}: {value}"), good(&ISSUER).claim(name, value).sign())).collect()
    };
    for api in both(&ISSUER) {
        for name in ["iss", "sub", "client_id", "jti", "azp", "token_use", "typ"] {
            assert_refused(&api, of(name, &texts)).await;
        }
        for name in ["exp", "nbf", "iat"] {
            assert_refused(&api, of(name, &dates)).await;
        }
    }
}

#[tokio::test]
async fn c5_the_issuer_code_point_by_code_point() {
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

#[tokio::test]
async fn c6_e28_d14_the_audience_names_this_server() {
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

#[tokio::test]
async fn c7_the_signature_is_by_a_key_of_that_issuer() {
    let stranger = TestIssuer::start();
    for api in both(&ISSUER) {
        for &algorithm in Algorithm::ALL {
            let token = ISSUER.token_by(algorithm).audience(AUDIENCE).scope("read:me");
            assert_accepted(&api, [(algorithm, token.sign())]).await;
            assert_refused(&api, [(algorithm, token.signed_by(&stranger).sign())]).await;
        }
    }
}

#[tokio::test]
async fn c8_e27_g2_a_token_ends_at_exp_plus_the_leeway() {
    let clock = clock();
    let issuer = timed_issuer(&clock);
    for leeway in [0_u8, 1, 30, 60] {
        let api = with_leeway(&issuer, &clock, leeway.into());
        let exp = |offset: f64| (format!("{leeway}: {offset}"), good(&issuer).claim("exp", at(offset)).sign());
        let end = -f64::from(leeway);
        assert_accepted(&api, [0.001, 0.5, 1.0, 300.0].map(|later| exp(end + later))).await;
        assert_refused(&api, [0.0, -0.001, -1.0, -90.0, -1e9].map(|later| exp(end + later))).await;
    }
}

#[tokio::test]
async fn c8_a_token_is_judged_anew_at_every_request() {
    let clock = clock();
    let issuer = timed_issuer(&clock);
    let (api, token) = (with_leeway(&issuer, &clock, 30), good(&issuer).expires_in(Duration::from_secs(60)).sign());
    let not_yet = good(&issuer).claim("nbf", at(120.0)).sign();
    present(&api, &token).await.assert_ok();
    present(&api, &not_yet).await.assert_invalid_token();
    clock.advance(Duration::from_millis(89_999));
    present(&api, &token).await.assert_ok();
    clock.advance(Duration::from_millis(1));
    present(&api, &token).await.assert_invalid_token();
    present(&api, &not_yet).await.assert_ok();
}

#[tokio::test]
async fn e27_g1_nbf_and_iat_may_be_ahead_by_the_leeway() {
    let clock = clock();
    let issuer = timed_issuer(&clock);
    for name in ["nbf", "iat"] {
        for leeway in [0_u8, 1, 30, 60] {
            let api = with_leeway(&issuer, &clock, leeway.into());
            let ahead =
                |offset: f64| (format!("{name}, {leeway}: {offset}"), good(&issuer).claim(name, at(offset)).sign());
            let limit = f64::from(leeway);
            assert_accepted(&api, [0.0, -0.001, -1.0].map(|later| ahead(limit + later))).await;
            assert_refused(&api, [0.001, 1.0, 61.0, 3600.0].map(|later| ahead(limit + later))).await;
        }
    }
}

#[tokio::test]
async fn g1_g2_g3_the_default_leeway_is_thirty_seconds() {
    let clock = clock();
    let issuer = timed_issuer(&clock);
    for profile in [Profile::Generic, Profile::Rfc9068] {
        let server = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).clock(clock.clone()).profile(profile);
        let api = app(&server.build().unwrap());
        let dated =
            |(name, offset): (&str, f64)| (format!("{name}: {offset}"), good(&issuer).claim(name, at(offset)).sign());
        let good = [("exp", -5.0), ("exp", -29.999), ("nbf", 5.0), ("nbf", 30.0), ("iat", 5.0), ("iat", 30.0)];
        assert_accepted(&api, good.map(dated)).await;
        let bad = [("exp", -30.0), ("exp", -90.0), ("nbf", 30.001), ("nbf", 120.0), ("iat", 30.001), ("iat", 120.0)];
        assert_refused(&api, bad.map(dated)).await;
        // However long ago: how old a token may be is for `exp` to say.
        assert_accepted(&api, [("iat", -3600.0), ("iat", -3e8), ("nbf", -3e8)].map(dated)).await;
    }
}

#[test]
fn g2_no_leeway_beyond_a_minute() {
    let build = |leeway| {
        let issuer = tower_bearer::Issuer::discover("https://issuer.example.test").unwrap();
        ResourceServer::builder(AUDIENCE).trust(issuer).leeway(leeway).build()
    };
    assert!(build(Duration::ZERO).is_ok());
    assert!(build(Duration::from_secs(60)).is_ok());
    for value in [Duration::from_nanos(60_000_000_001), Duration::from_secs(61), Duration::MAX] {
        assert_eq!(build(value).err(), Some(ConfigError::Leeway { value }));
    }
}

#[tokio::test]
async fn c9_h1_scope_tokens_compare_whole() {
    let [generic, strict] = both(&ISSUER);
    let with = |scope: &str| good(&ISSUER).scope(scope).sign();
    for api in [&generic, &strict] {
        for scope in ["read:me", "write:me read:me", "read:me write:me", "a read:me b", "  read:me  ", "a  read:me"] {
            present(api, &with(scope)).await.assert_ok();
        }
        for scope in [
            "",
            " ",
            "read",
            "read:",
            "read:me2",
            "xread:me",
            "READ:ME",
            "Read:me",
            "read:m\u{435}",
            "read:me\u{a0}write:me",
            "read:me\twrite:me",
            "read:me\nwrite:me",
            "read:me,write:me",
            "read:me;",
            "\"read:me\"",
            "read:*",
            "*",
            "[\"read:me\"]",
        ] {
            present(api, &with(scope)).await.assert_insufficient_scope("read:me");
        }
    }
}

#[tokio::test]
async fn h3_a_missing_scope_grants_nothing() {
    for api in both(&ISSUER) {
        let token = good(&ISSUER).without_claim("scope").sign();
        present(&api, &token).await.assert_insufficient_scope("read:me");
    }
}

#[tokio::test]
async fn h4_the_first_of_scope_scp_and_scopes_counts_alone() {
    let [generic, strict] = both(&ISSUER);
    let bare = good(&ISSUER).without_claim("scope");
    let granting = [
        bare.clone().claim("scope", ["read:me"]),
        bare.clone().claim("scope", ["write:me", "read:me"]),
        bare.clone().claim("scp", "read:me"),
        bare.clone().claim("scp", "write:me read:me"),
        bare.clone().claim("scp", ["write:me", "read:me"]),
        bare.clone().claim("scopes", "read:me"),
        bare.clone().claim("scopes", ["read:me"]),
        bare.clone().claim("scp", "read:me").claim("scopes", "x"),
    ];
    for token in &granting {
        present(&generic, &token.sign()).await.assert_ok();
    }
    for token in [
        bare.clone().claim("scope", "x").claim("scp", "read:me"),
        bare.clone().claim("scope", "x").claim("scopes", ["read:me"]),
        bare.clone().claim("scope", "").claim("scp", ["read:me"]),
        bare.clone().claim("scope", json!([])).claim("scp", ["read:me"]),
        bare.clone().claim("scp", json!([])).claim("scopes", ["read:me"]),
        bare.clone().claim("scp", "x").claim("scopes", "read:me"),
        bare.clone().claim("scope", ["x read:me"]),
        bare.clone().claim("scp", ["read:me write:me"]),
        bare.clone().claim("scp", ["read:me "]),
        bare.clone().claim("Scope", "read:me"),
        bare.clone().claim("roles", ["read:me"]),
        bare.clone().claim("permissions", ["read:me"]),
    ] {
        present(&generic, &token.sign()).await.assert_insufficient_scope("read:me");
    }
    // To the letter, an array is no scope, and what stands elsewhere is none at all.
    let (arrays, elsewhere) = granting.split_at(2);
    for token in arrays {
        present(&strict, &token.sign()).await.assert_invalid_token();
    }
    for token in elsewhere {
        present(&strict, &token.sign()).await.assert_insufficient_scope("read:me");
    }
}

#[tokio::test]
async fn h4_a_scope_of_another_type_makes_a_bad_token() {
    let odd = [
        json!(null),
        json!(1),
        json!(true),
        json!({ "read:me": true }),
        json!(["read:me", 1]),
        json!(["read:me", null]),
        json!([["read:me"]]),
        json!([{ "read:me": 1 }]),
    ];
    let [generic, strict] = both(&ISSUER);
    for name in ["scope", "scp", "scopes"] {
        let tokens = odd.iter().map(|value| {
            let token = good(&ISSUER).without_claim("scope").claim(name, value).sign();
            (format!("{name}: {value}"), token)
        });
        assert_refused(&generic, tokens).await;
    }
    assert_refused(&strict, odd.iter().map(|value| (value, good(&ISSUER).claim("scope", value).sign()))).await;
}

#[tokio::test]
async fn c10_c11_what_the_rules_do_not_need_is_exposed() {
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

#[tokio::test]
async fn c12_d7_an_encrypted_token_is_refused_without_a_fetch() {
    let issuer = small_issuer();
    let token = good(&issuer).sign();
    let (header, rest) = token.split_once('.').unwrap();
    let encrypted = good(&issuer).header("alg", "RSA-OAEP-256").header("enc", "A256GCM");
    let five = |token: &TokenBuilder| format!("{}.AAAA.AAAA.AAAA", token.signing_input());
    for api in both(&issuer) {
        assert_refused(
            &api,
            [
                ("five parts of a JWE", five(&encrypted)),
                ("five parts, a signature's alg", five(&good(&issuer))),
                ("a good token as the inner part", format!("{}.{token}", encrypted.signing_input())),
                ("five parts, the last three a good token", format!("{header}.AAAA.{token}")),
                ("five parts with empty ones", format!("{header}...{rest}")),
                ("three parts, JWE header", encrypted.sign()),
                ("three parts, enc beside a good alg", good(&issuer).header("enc", "A256GCM").sign()),
                ("direct encryption", five(&good(&issuer).header("alg", "dir").header("enc", "A128CBC-HS256"))),
            ],
        )
        .await;
    }
    assert_eq!(fetches(&issuer), (0, 0));
}

#[tokio::test]
async fn c13_tokens_of_other_kinds_never_pass() {
    let token = || good(&ISSUER);
    let others = [
        ("an ID token of the code flow", token().header("typ", "JWT").claim("nonce", "n").claim("at_hash", "h")),
        ("an ID token of the hybrid flow", token().without_header("typ").claim("c_hash", "h")),
        ("an ID token of FAPI", token().claim("s_hash", "h")),
        ("an ID token for its client", token().header("typ", "JWT").audience("client-1").claim("nonce", "n")),
        ("a hash of another type", token().claim("at_hash", json!(null))),
        ("an ID token of Cognito", token().claim("token_use", "id")),
        ("a refresh token that says so", token().claim("token_use", "refresh")),
        ("a use in another case", token().claim("token_use", "Access")),
        ("an empty use", token().claim("token_use", "")),
        ("an ID token of Keycloak", token().claim("typ", "ID")),
        ("the same in lower case", token().claim("typ", "id")),
        ("a refresh token of Keycloak", token().claim("typ", "Refresh")),
        ("an offline token of Keycloak", token().claim("typ", "Offline")),
        ("a logout token of Keycloak", token().claim("typ", "Logout")),
        ("a logout token", token().header("typ", "logout+jwt")),
        (
            "an untyped logout token",
            token()
                .header("typ", "JWT")
                .claim("events", json!({ "http://schemas.openid.net/event/backchannel-logout": {} })),
        ),
        ("a security event", token().header("typ", "secevent+jwt").claim("events", json!({}))),
        ("a DPoP proof", token().header("typ", "dpop+jwt").claim("htm", "GET").claim("htu", AUDIENCE)),
        ("the method of a DPoP proof", token().claim("htm", "GET")),
        ("the URL of a DPoP proof", token().claim("htu", AUDIENCE)),
        (
            "an introspection response",
            token().header("typ", "token-introspection+jwt").claim("token_introspection", json!({ "active": true })),
        ),
        ("an authorization request", token().header("typ", "oauth-authz-req+jwt")),
        ("a client's assertion", token().header("typ", "client-authentication+jwt")),
        ("an entity statement", token().header("typ", "entity-statement+jwt")),
        ("a key binding", token().header("typ", "kb+jwt")),
    ];
    for api in both(&ISSUER) {
        assert_refused(&api, others.iter().map(|(what, token)| (what, token.sign()))).await;
        // What access tokens carry at the same places.
        assert_accepted(
            &api,
            [
                ("Cognito's", token().claim("token_use", "access").sign()),
                ("Keycloak's", token().claim("typ", "Bearer").sign()),
                ("a nonce", token().claim("nonce", "n").sign()),
                (
                    "the same names deeper down",
                    token().claim("x", json!({ "at_hash": 1, "events": 1, "cnf": 1 })).sign(),
                ),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn c14_keys_are_not_looked_up_across_issuers() {
    let (one, two) = (small_issuer(), small_issuer());
    let kid = |issuer: &TestIssuer| issuer.jwks()["keys"][0]["kid"].clone();
    assert_eq!(kid(&one), kid(&two), "the test is about equal names");
    for profile in [Profile::Generic, Profile::Rfc9068] {
        let server = ResourceServer::builder(AUDIENCE).trust(one.issuer()).trust(two.issuer()).profile(profile);
        let api = app(&server.build().unwrap());
        assert_accepted(&api, [("one", good(&one).sign()), ("two", good(&two).sign())]).await;
        for (issuer, other) in [(&one, &two), (&two, &one)] {
            assert_refused(
                &api,
                [
                    ("swapped", good(issuer).signed_by(other).sign()),
                    ("swapped, without kid", good(issuer).signed_by(other).without_header("kid").sign()),
                    ("the other's iss", good(issuer).claim("iss", other.url()).sign()),
                ],
            )
            .await;
        }
    }
}

#[tokio::test]
async fn c15_the_subject_need_not_be_a_person() {
    let token = good(&ISSUER).subject("client-1").client_id("client-1").sign();
    for profile in [Profile::Generic, Profile::Rfc9068] {
        let api = ResourceServer::builder(AUDIENCE).trust(ISSUER.issuer()).profile(profile).build().unwrap();
        let token = api.verify(&token).await.unwrap();
        assert_eq!((token.subject(), token.client_id()), ("client-1", Some("client-1")));
    }
}

#[tokio::test]
async fn l13_m3_a_bound_token_is_no_bearer_token() {
    let confirmations = [
        json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }),
        json!({ "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" }),
        json!({ "jwk": ISSUER.jwks()["keys"][0] }),
        json!({ "kid": "x" }),
        json!({ "unheard-of": 1 }),
        json!({}),
        json!([]),
        json!(""),
        json!("jkt"),
        json!(0),
        json!(false),
        json!(null),
    ];
    for api in both(&ISSUER) {
        assert_refused(&api, confirmations.iter().map(|cnf| (cnf, good(&ISSUER).claim("cnf", cnf).sign()))).await;
        let escaped = with_raw_member(&good(&ISSUER), r#""\u0063nf":{}"#).sign();
        assert_refused(&api, [("the name by its code points", escaped)]).await;
    }
}

#[tokio::test]
async fn l13_a_proof_beside_it_does_not_help() {
    let token = good(&ISSUER).claim("cnf", json!({ "jkt": "x" })).sign();
    let proof = good(&ISSUER).header("typ", "dpop+jwt").claim("htm", "GET").sign();
    for api in both(&ISSUER) {
        for scheme in ["Bearer", "DPoP"] {
            let request = Request::get("/me")
                .header("authorization", format!("{scheme} {token}"))
                .header("dpop", &proof)
                .body(Body::empty());
            let response = api.clone().oneshot(request.unwrap()).await.unwrap();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{scheme}");
        }
    }
}

#[tokio::test]
async fn c14_a_key_set_at_hand_serves_its_issuer_only() {
    let issuer = small_issuer();
    let other = "https://other.example.test";
    let api = app(&builder_with_keys(other, &issuer.jwks()).build().unwrap());
    assert_accepted(&api, [("its own", good(&issuer).claim("iss", other).sign())]).await;
    assert_refused(&api, [("the publisher's", good(&issuer).sign())]).await;
}
