//! What makes a JWT an access token for this server: RFC 9068, to the letter and as most issuers follow it.

mod claims;
mod kinds;
mod scope;
mod signers;
mod times;

use axum::Router;
use tower_bearer::testing::TestIssuer;

use crate::harness::{app, server, strict_server};

/// The lenient profile and the strict one.
fn both(issuer: &TestIssuer) -> [Router; 2] {
    [app(&server(issuer)), app(&strict_server(issuer))]
}
