//! Asks the API as four different clients would, and shows what it answers.

use std::time::Duration;

use http::StatusCode;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::Client;
use tower_bearer::Scope;
use tower_bearer::testing::TestIssuer;

/// Whether every answer was the expected one. Only an issuer of our own gives out tokens here.
pub(crate) async fn run(
    url: &str,
    issuer: Option<&TestIssuer>,
    audience: &str,
    scope: &Scope,
) -> reqwest::Result<bool> {
    let mut steps = vec![Step { name: "without a token", token: None, expected: StatusCode::UNAUTHORIZED }];
    if let Some(issuer) = issuer {
        let token = || issuer.token().audience(audience).scope(scope.as_str());
        let with = |name, token, expected| Step { name, token: Some(token), expected };
        steps.extend([
            with("with a good token", token().sign(), StatusCode::OK),
            with(
                "with an expired token",
                token().expired_for(Duration::from_secs(60)).sign(),
                StatusCode::UNAUTHORIZED,
            ),
            with("with too little scope", token().without_claim("scope").sign(), StatusCode::FORBIDDEN),
        ]);
    }
    let client = Client::builder().no_proxy().build()?;
    let resource = format!("{url}/api/me");
    let mut as_expected = true;
    for (number, step) in steps.into_iter().enumerate() {
        as_expected &= step.take(number + 1, &client, &resource).await?;
    }
    if let Some(issuer) = issuer {
        let token =
            issuer.token().audience(audience).scope(scope.as_str()).expires_in(Duration::from_secs(3600)).sign();
        println!("Try it yourself for an hour:\n\ncurl -i {resource} -H 'Authorization: Bearer {token}'");
    }
    Ok(as_expected)
}

struct Step {
    name: &'static str,
    token: Option<String>,
    expected: StatusCode,
}

impl Step {
    async fn take(self, number: usize, client: &Client, resource: &str) -> reqwest::Result<bool> {
        let request = client.get(resource);
        let request = if let Some(token) = self.token { request.bearer_auth(token) } else { request };
        let response = request.send().await?;

        let status = response.status();
        let as_expected = status == self.expected;
        println!("{number}. {} {}: {status}", if as_expected { "✓" } else { "✗" }, self.name);
        if !as_expected {
            println!("   expected: {}", self.expected);
        }
        for name in [WWW_AUTHENTICATE, RETRY_AFTER] {
            if let Some(value) = response.headers().get(&name) {
                println!("   {name}: {}", String::from_utf8_lossy(value.as_bytes()));
            }
        }
        let body = response.text().await?;
        println!("{}", if body.is_empty() { body } else { format!("   {body}\n") });
        Ok(as_expected)
    }
}
