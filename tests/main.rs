//! One file per promise.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod architecture;
mod attacks;
mod attacks_on_requirements;
mod attacks_on_the_cache;
mod authorization_server;
mod authorization_server_grants;
mod configuration;
mod discovery;
mod example_me;
mod extractors;
mod flood;
mod forward_auth;
mod harness;
mod keys_lifetime;
mod memory_source;
mod outage;
mod policies;
mod providers;
mod require;
mod responders;
mod rfc6750_bearer;
mod rfc7515_jose;
mod rfc8725_forgeries;
mod rfc9068_access_token;
mod rfc9470_step_up;
mod rfc9728_metadata;
mod rotation;
mod runtimes;
mod sources;
mod stampede;
mod token_cache;
mod token_sources;
mod tower_contract;
mod unusable_keys;
mod verify;
