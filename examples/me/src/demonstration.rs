//! Sends the API for a real issuer the requests that need no token of that issuer.

use http::StatusCode;
use http::header::WWW_AUTHENTICATE;
use reqwest::Client;

/// Whether the answer was the expected one.
pub(crate) async fn run(url: &str) -> reqwest::Result<bool> {
    let client = Client::builder().no_proxy().build()?;
    let response = client.get(format!("{url}/api/me")).send().await?;
    let as_expected = response.status() == StatusCode::UNAUTHORIZED;
    println!("1. {} without a token: {}", if as_expected { "✓" } else { "✗" }, response.status());
    // One for each scheme that is accepted.
    for challenge in response.headers().get_all(WWW_AUTHENTICATE) {
        println!("   {WWW_AUTHENTICATE}: {}", String::from_utf8_lossy(challenge.as_bytes()));
    }
    Ok(as_expected)
}
