//! `examples/me --issuer-pattern`: an API that trusts the tenants of one provider.

use std::collections::HashMap;
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::extract::Path;
use axum::routing::get;
use axum::{Json, Router};
use http::header::HOST;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tower_bearer::testing::{Endpoint, TestIssuer};

use crate::example_process::{Build, Example, program};
use crate::harness::serve::serve;
use crate::harness::{AUDIENCE, good};

async fn status(example: &Example, token: &str) -> StatusCode {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    http.get(example.resource()).bearer_auth(token).send().await.unwrap().status()
}

#[tokio::test]
async fn the_tenants_that_fit_the_pattern_are_trusted() {
    let tenant = TestIssuer::builder().path("/acme").start();
    let origin = tenant.url().strip_suffix("/acme").unwrap();
    let pattern = format!("{origin}/{{tenant}}");
    let flags = ["--issuer-pattern", &pattern, "--audience", AUDIENCE, "--scope", "read:me"];
    let example = Example::start(&flags);
    for _ in 0..3 {
        assert_eq!(status(&example, &good(&tenant).sign()).await, StatusCode::OK);
    }
    assert_eq!(tenant.requests(Endpoint::Jwks), 1);
    let unknown = good(&tenant).claim("iss", format!("{origin}/umbrella")).sign();
    assert_eq!(status(&example, &unknown).await, StatusCode::SERVICE_UNAVAILABLE, "it has no metadata");
    for other in [format!("{origin}/a/b"), format!("{origin}/acme/"), "https://evil.example/acme".to_owned()] {
        let token = good(&tenant).claim("iss", other).sign();
        assert_eq!(status(&example, &token).await, StatusCode::UNAUTHORIZED);
    }
    let forged = good(&tenant).signed_by(&TestIssuer::builder().start()).sign();
    assert_eq!(status(&example, &forged).await, StatusCode::UNAUTHORIZED);
}

/// A provider on one origin, whose tenants share their keys. Returns the origin, and how often the keys of each were fetched.
async fn provider(keys: Value) -> (String, Arc<Mutex<HashMap<String, usize>>>) {
    let fetches = Arc::<Mutex<HashMap<String, usize>>>::default();
    let counted = Arc::clone(&fetches);
    let metadata = |Path(tenant): Path<String>, headers: HeaderMap| async move {
        let issuer = format!("http://{}/{tenant}", headers[HOST].to_str().unwrap());
        Json(json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/jwks") }))
    };
    let jwks = move |Path(tenant): Path<String>| async move {
        *counted.lock().unwrap().entry(tenant).or_default() += 1;
        Json(keys)
    };
    let app = Router::new()
        .route("/.well-known/oauth-authorization-server/{tenant}", get(metadata))
        .route("/{tenant}/jwks", get(jwks));
    (format!("http://{}", serve(app).await), fetches)
}

/// With one place, each tenant displaces the other, whose keys are then fetched again.
#[tokio::test]
async fn as_many_tenants_are_kept_as_max_tenants_says() {
    let signer = TestIssuer::builder().start();
    let (origin, fetches) = provider(signer.jwks()).await;
    let pattern = format!("{origin}/{{tenant}}");
    for (max_tenants, fetches_of_acme) in [("1", 2), ("2", 1)] {
        fetches.lock().unwrap().clear();
        let flags = ["--issuer-pattern", &pattern, "--max-tenants", max_tenants, "--audience", AUDIENCE];
        let example = Example::start(&flags);
        for tenant in ["acme", "umbrella", "acme"] {
            let token = good(&signer).claim("iss", format!("{origin}/{tenant}")).sign();
            assert_eq!(status(&example, &token).await, StatusCode::OK, "{tenant}");
        }
        let expected = HashMap::from([("acme".to_owned(), fetches_of_acme), ("umbrella".to_owned(), 1)]);
        assert_eq!(*fetches.lock().unwrap(), expected, "--max-tenants {max_tenants}");
    }
}

#[test]
fn a_pattern_that_trusts_too_much_is_refused() {
    for pattern in ["https://{tenant}/", "https://login{tenant}.example.com/", "https://login.example.com/"] {
        let output = Command::new(program(Build::Usual)).args(["--issuer-pattern", pattern]).output().unwrap();
        assert!(!output.status.success());
        assert!(String::from_utf8_lossy(&output.stderr).contains("error: "), "{pattern}");
    }
}
