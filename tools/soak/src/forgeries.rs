use std::time::Duration;

use tower_bearer::testing::TokenBuilder;

use crate::supply::seconds_from_now;

/// Makes a bad token of a good one in the making.
type Forge = fn(TokenBuilder) -> String;

/// Tokens that are bad whatever their key is worth: each gets 401 `invalid_token` at once, whatever the issuers do.
pub(crate) const FORGERIES: &[(&str, Forge)] = &[
    ("expired", |token| token.expired_for(Duration::from_secs(40)).sign()),
    ("valid in the future", |token| token.claim("nbf", seconds_from_now(3600)).sign()),
    ("issued in the future", |token| token.claim("iat", seconds_from_now(3600)).sign()),
    ("never expires", |token| token.without_claim("exp").sign()),
    ("wrong audience", |token| token.audience("https://other.example.test").sign()),
    ("no audience", |token| token.without_claim("aud").sign()),
    ("wrong issuer", |token| token.claim("iss", "https://other.example.test").sign()),
    ("no subject", |token| token.without_claim("sub").sign()),
    ("alg none", |token| format!("{}.", token.header("alg", "none").signing_input())),
    ("alg none, signed", |token| token.header("alg", "none").sign()),
    ("alg HS256", |token| token.header("alg", "HS256").sign()),
    ("bound to a key", |token| token.claim("cnf", serde_json::json!({ "jkt": "x" })).sign()),
    ("an ID token", |token| token.header("typ", "JWT").claim("nonce", "n").claim("at_hash", "x").sign()),
    ("a logout token", |token| token.header("typ", "logout+jwt").sign()),
    ("a refresh token", |token| token.claim("typ", "Refresh").sign()),
    ("critical extension", |token| token.header("crit", ["x"]).header("x", 1).sign()),
    ("header no JSON", |token| token.raw_header("{").sign()),
    ("payload no JSON", |token| token.raw_payload("[]").sign()),
    ("no JWT", |_| "mF_9.B5f-4.1JqM".to_owned()),
    ("too long", |token| token.claim("padding", "x".repeat(16 * 1024)).sign()),
];

/// Values of `Authorization` that are no credentials: 400 `invalid_request`.
pub(crate) const UNREADABLE: &[&str] = &["Bearer", "Bearer ", "Bearer a b", "Bearer,a", "\"Bearer\" a", ""];
