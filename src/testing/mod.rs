//! Tools for testing an API: an issuer, clients, tokens and proofs of every form, a clock that tests control, and a replay store that
//! fails on demand (feature `testing`).
//!
//! [`TestIssuer`] is a real issuer on a loopback port with real keys, so tests run the code that ships. It has its own thread, and
//! works with any runtime or none.
//!
//! ```
//! use tower_bearer::ResourceServer;
//! use tower_bearer::testing::TestIssuer;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let issuer = TestIssuer::start();
//! let api = ResourceServer::builder("https://api.example.test").trust(issuer.issuer()).build()?;
//!
//! let good = issuer.token().audience("https://api.example.test").scope("read:me").sign();
//! assert!(api.verify(&good).await?.scope().contains("read:me"));
//!
//! let for_another_api = issuer.token().audience("https://other.example.test").sign();
//! assert!(api.verify(&for_another_api).await.is_err());
//! # Ok(()) }
//! ```

mod certificate;
mod client;
mod clock;
mod endpoints;
mod introspection;
mod issuer;
mod replay_store;
mod signing_key;
mod token_builder;
mod transmitter;
mod unsigned_jwt;

pub use certificate::TestCertificate;
pub use client::{ProofBuilder, TestClient};
pub use clock::TestClock;
pub use endpoints::{Endpoint, Fault};
pub use issuer::{TestIssuer, TestIssuerBuilder};
pub use replay_store::{ReplayFault, TestReplayStore};
pub use token_builder::TokenBuilder;
pub use transmitter::{logout_request, push_request};
