//! The answer to a refused request: challenge, status and headers, without anything of the token.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tower_bearer::{Require, ResourceServer};

use super::{authorize, request, serve_defaults};
use crate::harness::challenge::Challenge;
use crate::harness::log::Log;
use crate::harness::serve::serve;
use crate::harness::{AUDIENCE, Answer, ISSUER, app, builder_with_keys, good, present, send, server};

/// Every kind of refusal there is a challenge for.
async fn refusals(address: SocketAddr) -> [(Answer, Option<&'static str>); 6] {
    let expired = good(&ISSUER).expired_for(Duration::from_secs(90)).sign();
    [
        (request(address, "/me", &[]).await.answer(), None),
        (authorize(address, "Basic dTpw").await, None),
        (authorize(address, "Bearer").await, Some("invalid_request")),
        (authorize(address, "Bearer x").await, Some("invalid_token")),
        (authorize(address, format!("Bearer {expired}")).await, Some("invalid_token")),
        (
            authorize(address, format!("Bearer {}", good(&ISSUER).without_claim("scope").sign())).await,
            Some("insufficient_scope"),
        ),
    ]
}

/// Rows A14, A15, B1, B2, B4.
#[tokio::test]
async fn every_refusal_has_one_challenge_that_parses_strictly() {
    for (answer, error) in refusals(serve_defaults().await).await {
        let challenge = Challenge::of(&answer);
        assert_eq!(challenge.scheme, "Bearer");
        assert_eq!(challenge.get("error"), error);
        assert_eq!(challenge.get("error_description").is_some(), error.is_some());
        for (name, _) in &challenge.parameters {
            assert!(["realm", "scope", "error", "error_description", "error_uri"].contains(&&**name), "{name}");
        }
    }
}

/// Row A16.
#[tokio::test]
async fn error_parameters_use_only_allowed_characters() {
    for (answer, _) in refusals(serve_defaults().await).await {
        let challenge = Challenge::of(&answer);
        for name in ["error", "error_description", "scope"] {
            let allowed = |c| matches!(c, '\x20'..='\x21' | '\x23'..='\x5B' | '\x5D'..='\x7E');
            assert!(challenge.get(name).unwrap_or_default().chars().all(allowed), "{challenge:?}");
        }
    }
}

/// Row A16.
#[tokio::test]
async fn token_contents_are_not_reflected() {
    // Its keys never change, so that a name of a key that does not exist costs no fetch.
    let address = serve(app(&builder_with_keys(ISSUER.url(), &ISSUER.jwks()).build().unwrap())).await;
    let expected = authorize(address, "Bearer x").await;
    for text in ["\"", "\\", "x\r\nSet-Cookie: a=b", "\0", "\u{7f}", "\u{e9}\u{202e}", "\", error=\"x", "%0d%0a"] {
        let tokens = [
            good(&ISSUER).header("alg", text),
            good(&ISSUER).header("typ", text),
            good(&ISSUER).header("cty", "JWT").header(text, text),
            good(&ISSUER).header("crit", [text]),
            good(&ISSUER).claim("iss", text),
            good(&ISSUER).claim("aud", text),
            good(&ISSUER).claim("exp", text),
            good(&ISSUER).claim("token_use", text),
            good(&ISSUER).raw_payload(text),
            good(&ISSUER).raw_header(text),
        ];
        for token in tokens {
            let answer = authorize(address, format!("Bearer {}", token.sign())).await;
            answer.assert_invalid_token();
            let names = |answer: &Answer| answer.headers.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(&answer), names(&expected), "{text:?}");
        }
        // What a good token lacks is told by the requirement, not by the token.
        let scope = good(&ISSUER).scope(text).sign();
        authorize(address, format!("Bearer {scope}")).await.assert_insufficient_scope("read:me");
    }
    for kid in ["\"\\\r\nSet-Cookie: a=b\0", "\u{e9}"] {
        let token = good(&ISSUER).header("kid", kid).sign();
        authorize(address, format!("Bearer {token}")).await.assert_invalid_token();
    }
}

/// Row A17.
#[tokio::test]
async fn a_bad_token_gets_invalid_token() {
    let address = serve_defaults().await;
    let stranger = crate::harness::small_issuer();
    let good_token = good(&ISSUER).sign();
    let (input, signature) = good_token.rsplit_once('.').unwrap();
    for token in [
        good(&ISSUER).expired_for(Duration::from_secs(90)).sign(),
        good(&ISSUER).signed_by(&stranger).sign(),
        good(&stranger).sign(),
        good(&ISSUER).audience("https://other.example.test").sign(),
        input.to_owned(),
        format!("{input}."),
        format!(".{signature}"),
        "x".to_owned(),
        "..".to_owned(),
        "mF_9.B5f-4.1JqM".to_owned(),
    ] {
        authorize(address, format!("Bearer {token}")).await.assert_invalid_token();
    }
}

/// Row A18.
#[tokio::test]
async fn a_missing_scope_is_named_in_the_challenge() {
    let address = serve_defaults().await;
    for token in [good(&ISSUER).without_claim("scope"), good(&ISSUER).scope("write:me"), good(&ISSUER).scope("")] {
        let answer = authorize(address, format!("Bearer {}", token.sign())).await;
        answer.assert_insufficient_scope("read:me");
        assert_eq!(Challenge::of(&answer).get("scope"), Some("read:me"));
    }
}

/// Row A19.
#[tokio::test]
async fn an_invalid_token_is_reported_before_a_missing_scope() {
    let address = serve_defaults().await;
    let stranger = crate::harness::small_issuer();
    let powerless = good(&ISSUER).without_claim("scope");
    for bad in [
        powerless.clone().expired_for(Duration::from_secs(90)),
        powerless.clone().audience("https://other.example.test"),
        powerless.clone().signed_by(&stranger),
        powerless.clone().header("alg", "none"),
        powerless.clone().claim("cnf", serde_json::json!({ "jkt": "x" })),
        powerless.clone().without_claim("sub"),
    ] {
        authorize(address, format!("Bearer {}", bad.sign())).await.assert_invalid_token();
    }
    authorize(address, format!("Bearer {}", powerless.sign())).await.assert_insufficient_scope("read:me");
}

/// Row A20.
#[tokio::test]
async fn no_response_contains_the_token() {
    let address = serve_defaults().await;
    for token in [
        good(&ISSUER).sign(),
        good(&ISSUER).without_claim("scope").sign(),
        good(&ISSUER).expired_for(Duration::from_secs(90)).sign(),
        good(&ISSUER).header("alg", "none").sign(),
    ] {
        for line in [
            format!("Authorization: Bearer {token}"),
            format!("Authorization: Bearer {token} x"),
            format!("Authorization: Basic {token}"),
        ] {
            let reply = request(address, "/me", &[line.as_bytes()]).await;
            assert!(!contains_part_of(&reply.0, &token), "{}", reply.0.escape_ascii());
        }
    }
}

/// Row A20.
#[tokio::test]
async fn no_log_contains_the_token() {
    let (log, logging) = Log::start();
    let api = app(&server(&ISSUER));
    let tokens = [
        good(&ISSUER).sign(),
        good(&ISSUER).without_claim("scope").sign(),
        good(&ISSUER).expired_for(Duration::from_secs(90)).sign(),
        good(&ISSUER).header("kid", "unknown").sign(),
        good(&ISSUER).header("alg", "none").sign(),
        format!("{}x", good(&ISSUER).sign()),
        good(&ISSUER).raw_payload(r#"{"sub":"of-a-payload-that-ends""#).sign(),
    ];
    for token in &tokens {
        present(&api, token).await;
        send(&api, "/me", [format!("Bearer {token} x").as_bytes()]).await;
    }
    drop(logging);
    let log = log.text();
    let refusals = log.matches("request refused").count();
    // Each with something behind it, and each but the first as it is.
    assert_eq!(refusals, 2 * tokens.len() - 1, "without a log this would prove nothing");
    for token in tokens {
        assert!(!contains_part_of(log.as_bytes(), &token), "{log}");
    }
}

/// Whether a token's payload or signature is in there. Its header is no secret.
fn contains_part_of(bytes: &[u8], token: &str) -> bool {
    let contains = |part: &str| bytes.windows(part.len()).any(|window| window == part.as_bytes());
    token.split('.').skip(1).any(contains)
}

/// Row B3.
#[tokio::test]
async fn every_realm_is_quoted() {
    for realm in ["x", "my API", r#"the "best" one"#, r"back\slash", r#"\""#, "a, b=c", ""] {
        let api = ResourceServer::builder(AUDIENCE).trust(ISSUER.issuer()).realm(realm).build().unwrap();
        let answer = request(serve(app(&api)).await, "/me", &[]).await.answer();
        assert_eq!(Challenge::of(&answer).get("realm"), Some(realm));
    }
}

/// Row B6.
#[tokio::test]
async fn answers_get_no_cache_headers_and_refusals_are_no_store() {
    let address = serve_defaults().await;
    let answer = authorize(address, format!("Bearer {}", good(&ISSUER).sign())).await;
    answer.assert_ok();
    // How long its resource may be kept is the application's business; the layer adds nothing.
    for name in ["cache-control", "expires", "pragma", "vary"] {
        assert_eq!(answer.headers.get(name), None, "{name}");
    }
    for (answer, _) in refusals(address).await {
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
}

/// Row H2.
#[tokio::test]
async fn the_challenge_names_all_required_scopes() {
    let needs =
        |require: Require| Router::new().route("/me", get(|| async {}).layer(require)).layer(server(&ISSUER).layer());
    let token = good(&ISSUER).scope("a d").sign();
    let cases = [
        (Require::scope("a b c"), "a b c"),
        (Require::any_scope(["b c", "e"]), "b c"),
        (Require::scope("!#$%&'()*+,-./:;<=>?@[]^_`{|}~"), "!#$%&'()*+,-./:;<=>?@[]^_`{|}~"),
    ];
    for (require, scope) in cases {
        let answer = present(&needs(require), &token).await;
        answer.assert_insufficient_scope(scope);
        assert_eq!(Challenge::of(&answer).get("scope"), Some(scope));
    }
    present(&needs(Require::any_scope(["b c", "d a"])), &token).await.assert_ok();
}
