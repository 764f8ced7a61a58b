//! One file per promise.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod architecture;
mod example_me;
mod extractors;
mod harness;
mod require;
mod rfc6750_bearer;
mod rfc7515_jose;
mod rfc8725_forgeries;
mod rfc9068_access_token;
mod stampede;
mod tower_contract;
mod verify;
