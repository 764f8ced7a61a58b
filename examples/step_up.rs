//! A client gets a step-up challenge (RFC 9470) and returns with a stronger authentication: `cargo run --example step_up`.
//!
//! The API needs a user who was authenticated with a second factor in the last five minutes. The client reads from the
//! refusal what to request from the authorization server, and requests exactly that. `--once` is accepted but changes
//! nothing, because the example always exits.

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::routing::post;
use http::StatusCode;
use http::header::WWW_AUTHENTICATE;
use reqwest::{Client, Response};
use tokio::net::TcpListener;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{AccessToken, Require, ResourceServer};

const AUDIENCE: &str = "https://api.example.test";

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let issuer = TestIssuer::start();
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).build()?;
    let payment = Require::scope("payments:write").and_acr("urn:example:mfa").and_max_age(Duration::from_secs(300));
    let pay = async |token: AccessToken| format!("paid by {}", token.subject());
    let app = Router::new().route("/payments", post(pay).layer(payment)).layer(api.layer());

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/payments", listener.local_addr()?);
    tokio::spawn(axum::serve(listener, app).into_future());

    // Signed in an hour ago, with a password.
    let weak = authorize(&issuer, "urn:example:pwd", now() - 3600);
    let client = Client::builder().no_proxy().build()?;
    let refusal = client.post(&url).bearer_auth(&weak).send().await?;
    println!("1. with a token whose user was authenticated an hour ago: {}", refusal.status());

    let Some((acr_values, max_age)) = challenge(&refusal) else { return Ok(ExitCode::FAILURE) };
    println!("   acr_values={acr_values:?}, max_age={max_age:?}");
    println!("2. the user authenticates again, with {acr_values}");

    let strong = authorize(&issuer, acr_values.split(' ').next().unwrap_or_default(), now());
    let response = client.post(&url).bearer_auth(&strong).send().await?;
    let status = response.status();
    println!("3. with the stronger token: {status}\n   {}", response.text().await?);
    Ok(if status == StatusCode::OK { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// In place of the authorization request with `acr_values` and `max_age`, the login, and the token request.
fn authorize(issuer: &TestIssuer, acr: &str, auth_time: u64) -> String {
    let token = issuer.token().audience(AUDIENCE).scope("payments:write");
    token.claim("acr", acr).claim("auth_time", auth_time).sign()
}

/// What the challenge of a refusal says to ask for, if it is one to step up.
fn challenge(refusal: &Response) -> Option<(String, String)> {
    let value = refusal.headers().get(WWW_AUTHENTICATE)?.to_str().ok()?;
    let challenge = http_auth::parse_challenges(value).ok()?.into_iter().next()?;
    let parameter = |name| {
        let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.to_unescaped())
    };
    (parameter("error")? == "insufficient_user_authentication").then_some(())?;
    Some((parameter("acr_values")?, parameter("max_age")?))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
