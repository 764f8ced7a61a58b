//! Feeds that push revocations to this process: security events (feature `shared-signals`) and OpenID back-channel logout (feature
//! `back-channel-logout`).
//!
//! [`SharedSignals`] receives the events of a transmitter, such as "this session has ended" (Shared Signals Framework 1.0, CAEP 1.0, RISC 1.0).
//! [`BackChannelLogout`] receives the logout tokens of an OpenID provider. Each creates a `tower::Service` for its own route, which records what it
//! receives in [`Revocations`](crate::revocation::Revocations):
//!
#![cfg_attr(all(feature = "shared-signals", feature = "back-channel-logout"), doc = "```")]
#![cfg_attr(not(all(feature = "shared-signals", feature = "back-channel-logout")), doc = "```ignore")]
//! use std::time::Duration;
//! use axum::Router;
//! use tower_bearer::feeds::{BackChannelLogout, SharedSignals};
//! use tower_bearer::revocation::Revocations;
//! use tower_bearer::{Issuer, ResourceServer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let revocations = Revocations::new(Duration::from_secs(60 * 60)); // no token of the issuer lives longer
//! let issuer = Issuer::discover("https://login.example.com")?;
//! let api = ResourceServer::builder("https://api.example.com")
//!     .trust(issuer.clone())
//!     .revocations(revocations.clone())
//!     .build()?;
//! let signals = SharedSignals::from_issuer(issuer.clone(), "https://api.example.com/ssf")
//!     .bearer_token("gX1fBat3bV") // as agreed with the transmitter: read it from a file
//!     .receiver(&revocations)?;
//! let logout = BackChannelLogout::from_issuer(issuer, "shop-client").receiver(&revocations)?;
//! let protected: Router = Router::new().route("/me", axum::routing::get(async || "…")).layer(api.layer());
//! // The receivers are outside the layer: their callers have no access token.
//! let app: Router = protected.route_service("/ssf/events", signals).route_service("/backchannel-logout", logout);
//! # Ok(()) }
//! ```
//!
//! A message is answered with 202 (200 for a logout token) once its revocations are in the table of this process and, if there is one, in the
//! [shared store](crate::revocation::Revocations::share). So every request that begins after the answer is refused if its token is revoked. If
//! anything prevents that, the answer is 503 with `Retry-After`, and the sender sends the message again. A repeated message changes nothing.
//!
//! # What strangers can do
//!
//! Anyone can send a request to a route. The feeds have their own keys, key fetches and fetch budgets, so junk here delays
//! no request with a token. A feed reads at most 256 bodies at a time, at most 64 KiB of each, and for at most 10 seconds; it carries out at most 64 messages at a time. Give the transmitter
//! of security events a [bearer token](SharedSignals::bearer_token): without it nothing is read. Logout tokens have no such
//! protection in their specification.

mod answer;
#[cfg(feature = "back-channel-logout")]
mod back_channel_logout;
mod event_claims;
mod event_message;
mod feed_issuer;
mod inbox;
mod invalid_feed;
mod message_error;
mod revoke_all;
#[cfg(feature = "shared-signals")]
mod shared_signals;

#[cfg(feature = "back-channel-logout")]
pub use back_channel_logout::{BackChannelLogout, LogoutReceiver};
pub use invalid_feed::InvalidFeed;
#[cfg(feature = "shared-signals")]
pub use shared_signals::{SharedSignals, SharedSignalsReceiver, UnmatchedSubject};
