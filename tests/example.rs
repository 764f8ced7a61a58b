//! What `examples/me` does beside its API. These tests compile sources of that package, which the published crate is without.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod authorization_server;
mod authorization_server_grants;
mod client_app;
mod client_app_keys;
mod example_process;
