//! Extractors: what a handler gets, and that it gets nothing without a layer.

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use serde::Deserialize;
use tower_bearer::rejection::RejectionKind;
use tower_bearer::{AccessToken, Claims, Require, ResourceServer};

use crate::harness::log::Log;
use crate::harness::{AUDIENCE, good, present, send, server, small_issuer};

#[derive(Deserialize)]
struct Tenant {
    tenant: u32,
}

async fn tenant(claims: Claims<Tenant>) -> String {
    claims.tenant.to_string()
}

#[tokio::test]
async fn the_extracted_token_has_the_values_of_its_claims() {
    let issuer = small_issuer();
    let token = good(&issuer).subject("s").client_id("c").scope("read:me a").claim("aud", [AUDIENCE, "other"]).sign();
    let token = server(&issuer).verify(&token).await.unwrap();
    assert_eq!((token.issuer(), token.subject(), token.client_id()), (issuer.url(), "s", Some("c")));
    assert_eq!(token.audience().collect::<Vec<_>>(), [AUDIENCE, "other"]);
    assert_eq!(token.scope().iter().collect::<Vec<_>>(), ["read:me", "a"]);
    assert_eq!(token.id(), Some("token-1"));
    let lifetime = token.expires_at().duration_since(token.issued_at().unwrap()).unwrap();
    assert_eq!(lifetime.as_secs(), 300);
    let shown = format!("{token:?}");
    assert!(shown.contains("read:me") && !shown.contains("\"s\"") && !shown.contains("eyJ"), "{shown}");
}

#[tokio::test]
async fn typed_claims_are_parsed_before_the_handler() {
    let issuer = small_issuer();
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).claims::<Tenant>().build().unwrap();
    let app = Router::new().route("/me", get(tenant)).layer(api.layer());
    present(&app, &good(&issuer).claim("tenant", 7).sign()).await.assert_ok();
    present(&app, &good(&issuer).claim("tenant", "seven").sign()).await.assert_invalid_token();
    present(&app, &good(&issuer).sign()).await.assert_invalid_token();
    let token = api.verify(&good(&issuer).claim("tenant", 7).sign()).await.unwrap();
    assert_eq!(token.claims::<Tenant>().map(|claims| claims.tenant), Ok(7));
    assert!(token.claims::<Vec<u8>>().is_err());
}

#[tokio::test]
async fn optional_accepts_no_credentials_and_refuses_bad_ones() {
    let issuer = small_issuer();
    let optional = async |token: Option<AccessToken>| token.map_or("nobody".to_owned(), |token| token.subject().into());
    let app = Router::new()
        .route("/optional", get(optional))
        .route("/me", get(async |_: AccessToken| ()))
        .route("/scoped", get(async || ()).layer(Require::scope("read:me")))
        .layer(server(&issuer).layer().optional());
    for absent in [vec![], vec![&b"Basic dTpw"[..]]] {
        send(&app, "/optional", absent.clone()).await.assert_ok();
        send(&app, "/me", absent.clone()).await.assert_bare();
        send(&app, "/scoped", absent).await.assert_bare_with_scope("read:me");
    }
    let token = format!("Bearer {}", good(&issuer).sign());
    send(&app, "/optional", [token.as_bytes()]).await.assert_ok();
    send(&app, "/me", [token.as_bytes()]).await.assert_ok();
    send(&app, "/optional", [&b"Bearer x"[..]]).await.assert_invalid_token();
    send(&app, "/optional", [&b"Bearer"[..]]).await.assert_invalid_request();
}

#[tokio::test]
async fn a_missing_layer_is_refused_and_logged() {
    let (log, _guard) = Log::start();
    let app = Router::new()
        .route("/token", get(async |_: AccessToken| ()))
        .route("/option", get(async |_: Option<AccessToken>| ()))
        .route("/claims", get(tenant))
        .route("/option-claims", get(async |_: Option<Claims<Tenant>>| ()))
        .route("/require", get(async || ()).layer(Require::scope("read:me")));
    let issuer = small_issuer();
    let token = format!("Bearer {}", good(&issuer).sign());
    for path in ["/token", "/option", "/claims", "/option-claims", "/require"] {
        let answer = send(&app, path, [token.as_bytes()]).await;
        assert_eq!((answer.status, answer.challenge()), (StatusCode::INTERNAL_SERVER_ERROR, None), "{path}");
    }
    let text = log.text();
    assert_eq!(text.lines().filter(|line| line.contains("ERROR") && line.contains("api.layer()")).count(), 5, "{text}");
}

#[tokio::test]
async fn claims_that_were_not_configured_are_refused() {
    let (log, _guard) = Log::start();
    let issuer = small_issuer();
    let app = Router::new().route("/me", get(tenant)).layer(server(&issuer).layer());
    let answer = present(&app, &good(&issuer).claim("tenant", 7).sign()).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(log.text().contains(".claims::<"), "{}", log.text());
}

/// Two servers with the same issuer may differ in audience, profile, leeway or revocations.
#[tokio::test]
async fn a_token_of_another_server_is_a_programming_error() {
    let (log, _guard) = Log::start();
    let issuer = small_issuer();
    let (mine, other) = (server(&issuer), server(&issuer));
    let token = mine.verify(&good(&issuer).sign()).await.unwrap();
    let (satisfied, unsatisfied) = (Require::scope("read:me"), Require::scope("absent"));
    assert!(mine.clone().check(&token, &satisfied).is_ok(), "clones are one server");
    assert_eq!(mine.check(&token, &unsatisfied).unwrap_err().status(), StatusCode::FORBIDDEN);
    for requirement in [&satisfied, &unsatisfied, &Require::token()] {
        let rejection = other.check(&token, requirement).unwrap_err();
        assert_eq!((rejection.kind(), rejection.challenges().next()), (RejectionKind::Unprotected, None));
    }
    let errors = log.text();
    assert_eq!(errors.matches("another ResourceServer").count(), 3, "{errors}");

    // Remembered tokens remember it too, and a handler's mistake is answered as such.
    let handler = move |token: AccessToken| async move { other.check(&token, &satisfied) };
    let app = Router::new().route("/me", get(handler)).layer(mine.layer());
    for _ in 0..3 {
        let answer = present(&app, &good(&issuer).sign()).await;
        assert_eq!((answer.status, answer.challenge()), (StatusCode::INTERNAL_SERVER_ERROR, None));
    }
}

/// In nested layers the server of the inner one validates, and the result of the outer one is not used.
#[tokio::test]
async fn requirements_and_extractors_use_the_innermost_layer() {
    let issuer = small_issuer();
    let (outer, inner) = (server(&issuer), server(&issuer));
    for inner_layer in [inner.layer(), inner.layer().optional()] {
        let server = inner.clone();
        let handler = move |token: AccessToken| async move { server.check(&token, &Require::scope("read:me")) };
        let app = Router::new()
            .route("/me", get(handler).layer(Require::scope("read:me")))
            .layer(inner_layer)
            .layer(Require::scope("read:me"))
            .layer(outer.layer().optional());
        present(&app, &good(&issuer).sign()).await.assert_ok();
        present(&app, &good(&issuer).scope("other").sign()).await.assert_insufficient_scope("read:me");
    }
}
