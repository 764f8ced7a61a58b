//! Protected resource metadata (RFC 9728): where it is, what it says, and how a client finds it.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_bearer::metadata::Metadata;
use tower_bearer::server::{Builder, ConfigError};
use tower_bearer::{Issuer, Require, ResourceServer};

use crate::harness::{good, present, send, small_issuer};

fn builder(audience: &str) -> Builder {
    ResourceServer::builder(audience).trust(Issuer::discover("https://login.example.com").unwrap())
}

/// The document as a client gets it.
async fn fetch(app: &Router, method: Method, path: &str) -> http::Response<Body> {
    app.clone().oneshot(Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await.unwrap()
}

async fn document(app: &Router, path: &str) -> Value {
    let response = fetch(app, Method::GET, path).await;
    assert_eq!(response.status(), StatusCode::OK);
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

/// Row K2.
#[test]
fn the_well_known_path_is_inserted_between_host_and_path() {
    let cases = [
        ("https://h.example.com", "https://h.example.com/.well-known/oauth-protected-resource"),
        ("https://h.example.com/", "https://h.example.com/.well-known/oauth-protected-resource"),
        ("https://h.example.com:8443/a/b", "https://h.example.com:8443/.well-known/oauth-protected-resource/a/b"),
        ("https://h.example.com/a/", "https://h.example.com/.well-known/oauth-protected-resource/a/"),
        ("https://h.example.com?k=v", "https://h.example.com/.well-known/oauth-protected-resource?k=v"),
        ("http://127.0.0.1:3000/mcp", "http://127.0.0.1:3000/.well-known/oauth-protected-resource/mcp"),
    ];
    for (resource, url) in cases {
        let api = builder(resource).metadata(Metadata::new()).build().unwrap();
        let metadata = api.metadata().unwrap();
        assert_eq!(metadata.url(), url);
        assert_eq!(url.split('?').next().unwrap().strip_suffix(metadata.path()).unwrap().matches('/').count(), 2);
        // K4: as it was configured, whatever the URL looks like.
        let json: Value = serde_json::from_slice(metadata.json()).unwrap();
        assert_eq!(json["resource"], resource);
    }
}

/// Row K1.
#[test]
fn a_resource_must_be_an_https_url_without_fragment() {
    let bad = [
        ("account", "account"),
        ("http://api.example.com", "http://api.example.com"),
        ("https://api.example.com/#a", "https://api.example.com/#…"),
        ("https://u:p@api.example.com", "https://…@api.example.com"),
    ];
    for (bad, shown) in bad {
        let refused = builder(bad).metadata(Metadata::new()).build().unwrap_err();
        assert!(matches!(&refused, ConfigError::Resource { value, .. } if value == bad), "{refused}");
        assert!(refused.to_string().contains(&format!("{shown:?}")), "{refused}");
        assert!(builder(bad).build().is_ok(), "an audience need not be one where there is no metadata");
    }
    let api = builder("account").metadata(Metadata::new().resource("https://api.example.com/x")).build().unwrap();
    assert_eq!(api.metadata().unwrap().path(), "/.well-known/oauth-protected-resource/x");
    assert!(builder("https://api.example.com").build().unwrap().metadata().is_none());
}

/// Row K6.
#[test]
fn the_document_matches_the_configuration_and_omits_empty_lists() {
    let metadata = Metadata::new()
        .scopes_supported(["a", "b:c"])
        .resource_name("Files")
        .resource_documentation("https://docs.example.com")
        .resource_policy_uri("https://policy.example.com")
        .resource_tos_uri("https://tos.example.com")
        .parameter("resource_name#fr", "Fichiers")
        .parameter("tls_client_certificate_bound_access_tokens", false)
        .parameter("dpop_signing_alg_values_supported", Vec::<String>::new())
        .parameter("resource", "https://evil.example.com")
        .parameter("authorization_servers", ["https://evil.example.com"]);
    let api = builder("https://api.example.com")
        .trust(Issuer::discover("https://second.example.com/t/").unwrap())
        .trust(Issuer::jwks("not-a-url", "https://keys.example.com/jwks").unwrap())
        .metadata(metadata)
        .build()
        .unwrap();
    let json: Value = serde_json::from_slice(api.metadata().unwrap().json()).unwrap();
    let expected = json!({
        "resource": "https://api.example.com",
        "authorization_servers": ["https://login.example.com", "https://second.example.com/t/"],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["a", "b:c"],
        "resource_name": "Files",
        "resource_name#fr": "Fichiers",
        "resource_documentation": "https://docs.example.com",
        "resource_policy_uri": "https://policy.example.com",
        "resource_tos_uri": "https://tos.example.com",
        "tls_client_certificate_bound_access_tokens": false,
    });
    assert_eq!(json, expected);
    let bare = builder("https://api.example.com").metadata(Metadata::new().scopes_supported([])).build().unwrap();
    let json: Value = serde_json::from_slice(bare.metadata().unwrap().json()).unwrap();
    assert!(json.get("scopes_supported").is_none());
}

/// Row P8.
#[test]
fn invalid_scopes_are_a_configuration_error() {
    for bad in ["offline_access", "a b", "", "\""] {
        let metadata = Metadata::new().scopes_supported(["fine", bad]);
        let refused = builder("https://api.example.com").metadata(metadata).build().unwrap_err();
        assert_eq!(refused, ConfigError::MetadataScope { value: bad.into() });
    }
}

/// Row K6.
#[test]
fn alg_none_is_a_configuration_error() {
    for parameter in ["resource_signing_alg_values_supported", "dpop_signing_alg_values_supported"] {
        let with = |algorithms: &[&str]| {
            builder("https://api.example.com").metadata(Metadata::new().parameter(parameter, algorithms)).build()
        };
        assert!(with(&["ES256"]).is_ok());
        assert_eq!(with(&["ES256", "none"]).unwrap_err(), ConfigError::MetadataAlgorithm);
    }
}

/// Rows K5, P1, P2.
#[tokio::test]
async fn the_challenge_leads_to_the_document() {
    let issuer = small_issuer();
    for audience in ["https://api.example.test", "https://api.example.test/files/v1"] {
        let api = ResourceServer::builder(audience)
            .trust(issuer.issuer())
            .metadata(Metadata::new().scopes_supported(["read:me"]))
            .build()
            .unwrap();
        let metadata = api.metadata().unwrap();
        let app = Router::new()
            .route("/me", get(async || ()).layer(Require::scope("read:me").and_acr("mfa")))
            .layer(api.layer())
            .route_service(metadata.path(), metadata.service());
        let good = || good(&issuer).audience(audience);
        let refusals = [
            send(&app, "/me", []).await,
            send(&app, "/me", [&b"Bearer"[..]]).await,
            present(&app, "x").await,
            present(&app, &good().sign()).await,
            present(&app, &good().scope("x").claim("acr", "mfa").sign()).await,
        ];
        assert_eq!(refusals.each_ref().map(|refusal| refusal.status.as_u16()), [401, 400, 401, 401, 403]);
        for refusal in refusals {
            let challenges = http_auth::parse_challenges(refusal.challenge().unwrap()).unwrap();
            let (_, url) = challenges[0].params.iter().find(|(name, _)| *name == "resource_metadata").unwrap();
            let path = url.to_unescaped().strip_prefix("https://api.example.test").unwrap().to_owned();
            let document = document(&app, &path).await;
            assert_eq!(document["resource"], audience);
            assert_eq!(document["authorization_servers"], json!([issuer.url()]));
        }
        present(&app, &good().claim("acr", "mfa").sign()).await.assert_ok();
    }
}

/// Rows K3, K8.
#[tokio::test]
async fn the_document_is_readable_without_a_token() {
    let api = builder("https://api.example.com").metadata(Metadata::new()).build().unwrap();
    let metadata = api.metadata().unwrap();
    let app: Router = Router::new().route_service(metadata.path(), metadata.service());
    let path = "/.well-known/oauth-protected-resource";
    let read = fetch(&app, Method::GET, path).await;
    assert_eq!(read.headers()["content-type"], "application/json");
    assert_eq!(read.headers()["access-control-allow-origin"], "*");
    assert_eq!(read.headers()["cache-control"], "public, max-age=3600");
    assert_eq!(fetch(&app, Method::HEAD, path).await.status(), StatusCode::OK);
    let preflight = fetch(&app, Method::OPTIONS, path).await;
    assert_eq!(preflight.status(), StatusCode::NO_CONTENT);
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");
    assert_eq!(preflight.headers()["access-control-allow-methods"], "GET, HEAD");
    assert_eq!(fetch(&app, Method::POST, path).await.status(), StatusCode::METHOD_NOT_ALLOWED);
}

/// Row K4.
#[tokio::test]
async fn each_resource_has_its_own_document() {
    let mut app = Router::new();
    for audience in ["https://api.example.com/a", "https://api.example.com/b"] {
        let api = builder(audience).metadata(Metadata::new()).build().unwrap();
        let metadata = api.metadata().unwrap();
        app = app.route_service(metadata.path(), metadata.service());
    }
    for name in ["a", "b"] {
        let document = document(&app, &format!("/.well-known/oauth-protected-resource/{name}")).await;
        assert_eq!(document["resource"], format!("https://api.example.com/{name}"));
    }
    let root = fetch(&app, Method::GET, "/.well-known/oauth-protected-resource").await;
    assert_eq!(root.status(), StatusCode::NOT_FOUND);
}
