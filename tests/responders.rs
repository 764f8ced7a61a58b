//! Responders: custom bodies, problem documents and gRPC keep the status and the challenge.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tonic::service::LayerExt;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::ServiceExt;
use tower_bearer::dpop::Dpop;
use tower_bearer::jose::Algorithm;
use tower_bearer::rejection::{Grpc, Problem, RejectionContext, RejectionKind};
use tower_bearer::testing::{Endpoint, Fault, TestClient};
use tower_bearer::{AccessToken, Rejection, Require, ResourceServer};

use crate::harness::{AUDIENCE, good, server, small_issuer};

async fn ask(app: &Router, token: Option<&str>) -> (Response<()>, String) {
    let mut request = Request::get("/me");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (Response::from_parts(parts, ()), String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_problem_document_matches_the_challenge() {
    let issuer = small_issuer();
    let requirement = Require::scope("pay").and_acr("mfa hwk").and_max_age(std::time::Duration::from_secs(300));
    let app = Router::new()
        .route("/me", get(async || ()).layer(requirement))
        .layer(server(&issuer).layer().respond_with(Problem));
    let strong = good(&issuer).claim("acr", "mfa").claim("auth_time", 4_000_000_000_u64);
    let anew = "The request needs a stronger or more recent authentication";
    let invalid = "The access token is malformed, expired, or not valid here";
    let cases = [
        (None, json!({"title": "Unauthorized", "status": 401})),
        (
            Some("x".to_owned()),
            json!({
                "title": "Unauthorized", "status": 401, "detail": invalid, "error": "invalid_token",
            }),
        ),
        (
            Some(strong.sign()),
            json!({
                "title": "Unauthorized", "status": 401, "detail": anew, "error": "insufficient_user_authentication",
                "scope": "pay", "acr_values": "mfa hwk", "max_age": 300,
            }),
        ),
    ];
    for (token, expected) in cases {
        let (response, body) = ask(&app, token.as_deref()).await;
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
        assert_eq!(expected["status"], response.status().as_u16());
        assert!(response.headers().contains_key(WWW_AUTHENTICATE));
    }
    issuer.fail(Endpoint::Jwks, Fault::Status(500));
    let cold = Router::new().route("/me", get(async || ())).layer(server(&issuer).layer().respond_with(Problem));
    let (response, body) = ask(&cold, Some(&good(&issuer).sign())).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers().contains_key("retry-after"));
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), json!({"title": "Service Unavailable", "status": 503}));
}

#[tokio::test]
async fn a_custom_responder_keeps_status_and_challenge() {
    let issuer = small_issuer();
    let liar = |rejection: &Rejection, _: &RejectionContext| {
        let mut response = Response::new(Body::from(format!("{:?}", rejection.kind())));
        *response.status_mut() = StatusCode::OK;
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
        response.headers_mut().append(WWW_AUTHENTICATE, HeaderValue::from_static("Digest"));
        response.headers_mut().insert("cache-control", HeaderValue::from_static("public"));
        response.headers_mut().insert("x-mine", HeaderValue::from_static("kept"));
        response
    };
    let app = Router::new()
        .route("/me", get(async |_: AccessToken| ()).layer(Require::scope("absent")))
        .layer(server(&issuer).layer().respond_with(liar));
    for (token, status, kind) in [
        (None, 401, RejectionKind::NoCredentials),
        (Some("x".to_owned()), 401, RejectionKind::InvalidToken),
        (Some(good(&issuer).sign()), 403, RejectionKind::InsufficientScope),
    ] {
        let (response, body) = ask(&app, token.as_deref()).await;
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(body, format!("{kind:?}"));
        assert_eq!(response.headers().get_all(WWW_AUTHENTICATE).iter().count(), 1);
        assert!(response.headers()[WWW_AUTHENTICATE].to_str().unwrap().starts_with("Bearer "));
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["x-mine"], "kept");
        assert_eq!(response.extensions().get::<Rejection>().unwrap().kind(), kind);
    }
}

/// A client of the health check behind the layer, with `health:read` required.
async fn grpc_client(api: &ResourceServer) -> HealthClient<Channel> {
    let (_reporter, health) = tonic_health::server::health_reporter();
    let server = Server::builder()
        .layer(api.layer().respond_with(Grpc))
        .add_service(Require::scope("health:read").and_acr("mfa").named_layer(health));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    HealthClient::new(Channel::from_shared(url).unwrap().connect().await.unwrap())
}

async fn check(client: &HealthClient<Channel>, token: Option<String>) -> Result<i32, Status> {
    let mut request = tonic::Request::new(HealthCheckRequest::default());
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    Ok(client.clone().check(request).await?.into_inner().status)
}

#[tokio::test]
async fn a_tonic_client_sees_the_status_and_the_challenge() {
    let issuer = small_issuer();
    let client = grpc_client(&server(&issuer)).await;
    let strong = good(&issuer).claim("acr", "mfa");
    let cases = [
        (None, Code::Unauthenticated, r#"Bearer realm="https://api.example.test""#),
        (Some("x".to_owned()), Code::Unauthenticated, r#"error="invalid_token""#),
        (Some(good(&issuer).sign()), Code::Unauthenticated, r#"acr_values="mfa", scope="health:read""#),
        (Some(strong.sign()), Code::PermissionDenied, r#"scope="health:read""#),
    ];
    for (token, code, challenge) in cases {
        let status = check(&client, token).await.unwrap_err();
        assert_eq!(status.code(), code, "{status}");
        let found = status.metadata().get("www-authenticate").unwrap().to_str().unwrap();
        assert!(found.contains(challenge), "{found}");
        assert!(!status.message().is_empty());
    }
    assert_eq!(check(&client, Some(strong.scope("health:read").sign())).await.unwrap(), 1);
}

/// The proof is for a `POST` of the https URL of the gRPC method, whatever the connection.
#[tokio::test]
async fn a_tonic_client_sends_a_bound_token_with_its_proof() {
    let issuer = small_issuer();
    let dpop = Dpop::at("https://grpc.example.test").unwrap();
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).dpop(dpop).build().unwrap();
    let (grpc, client) = (grpc_client(&api).await, TestClient::new(Algorithm::ES256));
    let token = good(&issuer).claim("acr", "mfa").scope("health:read").bound_to(&client).sign();
    let url = "https://grpc.example.test/grpc.health.v1.Health/Check";
    for (scheme, method, url, code) in [
        ("DPoP", "POST", url, Code::Ok),
        ("Bearer", "POST", url, Code::Unauthenticated),
        ("DPoP", "GET", url, Code::Unauthenticated),
        ("DPoP", "POST", "http://grpc.example.test/grpc.health.v1.Health/Check", Code::Unauthenticated),
        ("DPoP", "POST", "https://grpc.example.test/grpc.health.v1.Health/Watch", Code::Unauthenticated),
    ] {
        let mut request = tonic::Request::new(HealthCheckRequest::default());
        let proof = client.proof(method, url, &token).sign();
        for (name, value) in [("authorization", format!("{scheme} {token}")), ("dpop", proof)] {
            request.metadata_mut().insert(name, value.parse().unwrap());
        }
        let answer = grpc.clone().check(request).await;
        assert_eq!(answer.as_ref().map_or_else(Status::code, |_| Code::Ok), code, "{scheme} {method} {url}");
        if let Err(status) = answer {
            assert_eq!(status.metadata().get_all("www-authenticate").iter().count(), 2);
        }
    }
}

#[tokio::test]
async fn a_tonic_client_gets_unavailable_during_an_outage() {
    let issuer = small_issuer();
    issuer.fail(Endpoint::Jwks, Fault::Status(500));
    let client = grpc_client(&server(&issuer)).await;
    let status = check(&client, Some(good(&issuer).sign())).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.metadata().contains_key("retry-after") && !status.metadata().contains_key("www-authenticate"));
}
