//! Tokens of other kinds: unsigned, encrypted, bound, for another purpose.

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::json;
use tower::ServiceExt;
use tower_bearer::testing::TokenBuilder;

use super::both;
use crate::harness::{AUDIENCE, ISSUER, assert_accepted, assert_refused, fetches, good, small_issuer, with_raw_member};

/// Row C2.
#[tokio::test]
async fn unsigned_tokens_are_refused() {
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

/// Rows C12, D7.
#[tokio::test]
async fn an_encrypted_token_is_refused_without_a_fetch() {
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

/// Row C13.
#[tokio::test]
async fn tokens_of_other_kinds_are_refused() {
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

/// Rows L13, M3.
#[tokio::test]
async fn a_bound_token_is_refused_as_bearer_token() {
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

/// Row L13.
#[tokio::test]
async fn a_bound_token_is_refused_even_beside_a_proof() {
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
