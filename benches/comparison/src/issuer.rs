//! The issuer that everyone trusts, and the tokens that everyone gets to see.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{TestIssuer, TokenBuilder};

pub const AUDIENCE: &str = "https://api.example.com";
/// Who may introspect tokens at the issuer.
pub const CLIENT: &str = "test-api";
pub const SECRET: &str = "test-secret";
/// The length of the tokens that are timed.
const LENGTH: usize = 1_300;
const HOUR: Duration = Duration::from_secs(3_600);

/// An issuer with one key.
pub fn start(algorithm: Algorithm) -> TestIssuer {
    let issuer = TestIssuer::builder().algorithms([algorithm]).start();
    let mut metadata = issuer.metadata();
    // RFC 8414 requires them, and one of the peers does.
    metadata["authorization_endpoint"] = format!("{}/authorize", issuer.url()).into();
    metadata["token_endpoint"] = format!("{}/token", issuer.url()).into();
    metadata["response_types_supported"] = ["code"].as_slice().into();
    issuer.set_metadata(metadata);
    issuer
}

/// A good token of 12 claims and 1.3 KB.
pub fn good(issuer: &TestIssuer, algorithm: Algorithm) -> TokenBuilder {
    let small = issuer
        .token_by(algorithm)
        .audience(AUDIENCE)
        .scope("read:me write:me payments:read payments:write")
        // Integers, as issuers write them, and far enough away for a long run.
        .claim("iat", since_epoch(SystemTime::now()))
        .claim("nbf", since_epoch(SystemTime::now()))
        .claim("exp", since_epoch(SystemTime::now() + 12 * HOUR))
        .claim("acr", "urn:example:mfa")
        .claim("preferred_username", "user-1@example.com");
    let missing = LENGTH.saturating_sub(small.clone().claim("groups", [""]).sign().len());
    // Three bytes are four characters in base64url, and a group costs its quotes and a comma.
    let groups = missing * 3 / 4 / 16;
    small.claim("groups", (0..groups).map(|group| format!("department-{group:02}")).collect::<Vec<_>>())
}

pub fn expired(issuer: &TestIssuer, algorithm: Algorithm) -> String {
    good(issuer, algorithm).claim("exp", since_epoch(SystemTime::now() - HOUR)).sign()
}

/// Tokens that are good but for their keys, which nobody has heard of.
pub fn of_unknown_keys(issuer: &TestIssuer, algorithm: Algorithm, count: usize) -> Vec<String> {
    let template = good(issuer, algorithm);
    (0..count).map(|number| template.clone().header("kid", format!("junk-{number}")).sign()).collect()
}

/// Tokens that differ in their `jti`.
pub fn distinct(issuer: &TestIssuer, algorithm: Algorithm, count: usize) -> Vec<String> {
    let template = good(issuer, algorithm);
    (0..count).map(|number| template.clone().claim("jti", format!("token-{number:09}")).sign()).collect()
}

fn since_epoch(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}
