//! Configuration as data: every setting does what the builder's method does, and all mistakes are reported at once, each at its
//! path.

mod agreement;
mod dpop;
mod dpop_mistakes;
mod environment;
mod introspection;
mod introspection_mistakes;
mod mistakes;
mod near_misses;
mod placeholders;
mod scope_hierarchy;
mod settings;

use tower_bearer::ResourceServer;
use tower_bearer::config::{Config, Problems};
use tower_bearer::testing::TestIssuer;

use crate::harness::AUDIENCE;

fn config(document: &str) -> Config {
    toml::from_str(document).unwrap()
}

/// The settings of a server for `AUDIENCE` that trusts `issuer`, with more settings of its own and of the issuer's.
fn server_with(issuer: &TestIssuer, own: &str, issuers: &str) -> ResourceServer {
    let document = format!("audience = {AUDIENCE:?}\n{own}\n[[issuers]]\nissuer = {:?}\n{issuers}", issuer.url());
    config(&document).build().unwrap()
}

fn lines(problems: &Problems) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

/// The problems of the document, one line each.
fn problems(document: &str) -> Vec<String> {
    lines(&config(document).build().expect_err(document))
}

fn problems_of_vars(variables: &[(&str, &str)]) -> Vec<String> {
    lines(&Config::from_vars("API_", variables.iter().copied()).build().unwrap_err())
}
