//! Asks the API as different clients would, and shows what it answers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::StatusCode;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::Client;
use tower_bearer::testing::{TestIssuer, TokenBuilder};

use crate::api::Needs;

/// Whether every answer was the expected one. Only an issuer of our own gives out tokens here.
pub(crate) async fn run(
    url: &str,
    issuer: Option<&TestIssuer>,
    audience: &str,
    needs: &Needs,
) -> reqwest::Result<bool> {
    let mut steps = vec![step("without a token", "/api/me", None, StatusCode::UNAUTHORIZED)];
    if let Some(issuer) = issuer {
        let token = || issuer.token().audience(audience).scope(needs.scope.as_str());
        let expired = token().expired_for(Duration::from_secs(60));
        steps.extend([
            step("with a good token", "/api/me", Some(token()), StatusCode::OK),
            step("with an expired token", "/api/me", Some(expired), StatusCode::UNAUTHORIZED),
            step("with too little scope", "/api/me", Some(token().without_claim("scope")), StatusCode::FORBIDDEN),
        ]);
        if needs.acr.is_some() || needs.max_age.is_some() {
            let stepped_up = authenticated_anew(token(), needs);
            steps.extend([
                step("for a transfer, with that good token", "/api/transfer", Some(token()), StatusCode::UNAUTHORIZED),
                step("for a transfer, authenticated anew", "/api/transfer", Some(stepped_up), StatusCode::OK),
            ]);
        }
    }
    let client = Client::builder().no_proxy().build()?;
    let mut as_expected = true;
    for (number, step) in steps.into_iter().enumerate() {
        as_expected &= step.take(number + 1, &client, url).await?;
    }
    if let Some(issuer) = issuer {
        let token = issuer.token().audience(audience).scope(needs.scope.as_str());
        let token = authenticated_anew(token, needs).expires_in(Duration::from_secs(3600)).sign();
        println!("Try it yourself for an hour:\n\ncurl -i {url}/api/me -H 'Authorization: Bearer {token}'");
    }
    Ok(as_expected)
}

/// The token of a user who was just authenticated as a transfer needs it.
fn authenticated_anew(token: TokenBuilder, needs: &Needs) -> TokenBuilder {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let token = token.claim("auth_time", now.as_secs());
    match needs.acr.as_ref().and_then(|values| values.iter().next()) {
        Some(acr) => token.claim("acr", acr),
        None => token,
    }
}

struct Step {
    name: &'static str,
    path: &'static str,
    token: Option<TokenBuilder>,
    expected: StatusCode,
}

fn step(name: &'static str, path: &'static str, token: Option<TokenBuilder>, expected: StatusCode) -> Step {
    Step { name, path, token, expected }
}

impl Step {
    async fn take(self, number: usize, client: &Client, url: &str) -> reqwest::Result<bool> {
        let request = client.get(format!("{url}{}", self.path));
        let request = if let Some(token) = self.token { request.bearer_auth(token.sign()) } else { request };
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
