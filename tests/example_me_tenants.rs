//! `examples/me --issuer-pattern`: an API that trusts the tenants of one provider.

use std::process::Command;

use http::StatusCode;
use tower_bearer::testing::{Endpoint, TestIssuer};

use crate::example_process::{Build, Example, program};
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
    let flags = ["--issuer-pattern", &pattern, "--max-tenants", "2", "--audience", AUDIENCE, "--scope", "read:me"];
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

#[test]
fn a_pattern_that_trusts_too_much_is_refused() {
    for pattern in ["https://{tenant}/", "https://login{tenant}.example.com/", "https://login.example.com/"] {
        let output = Command::new(program(Build::Usual)).args(["--issuer-pattern", pattern]).output().unwrap();
        assert!(!output.status.success());
        assert!(String::from_utf8_lossy(&output.stderr).contains("error: "), "{pattern}");
    }
}
