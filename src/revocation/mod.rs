//! Revocation: refusing tokens before they expire.
//!
//! A JWT is valid until it expires, whatever has happened to its user since. With [`Revocations`], a server knows which tokens are no longer
//! valid, and refuses them with 401 `invalid_token` from the next request on:
//!
//! ```
//! use std::time::Duration;
//! use tower_bearer::revocation::{Revocation, Revocations};
//! use tower_bearer::{Issuer, ResourceServer};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let revocations = Revocations::new(Duration::from_secs(60 * 60)); // no token of the issuer lives longer
//! let api = ResourceServer::builder("https://api.example.com")
//!     .trust(Issuer::discover("https://login.example.com")?)
//!     .revocations(revocations.clone())
//!     .build()?;
//! // Whenever a user signs out everywhere:
//! revocations.revoke(&Revocation::subject("https://login.example.com", "alice")).await?;
//! # Ok(()) }
//! ```
//!
//! A revocation names a session, one token, a subject, a client, or all tokens of an issuer: see [`Revocation`]. It also ends what such a
//! token has started: [`AccessToken::expires`](crate::AccessToken::expires) completes and, with
//! [`end_with_token`](crate::layer::ProtectLayer::end_with_token), the body of the response ends.
//!
//! # What it costs
//!
//! A request whose token was already checked since the last revocation costs two atomic loads from one cache line, which only revocations
//! write to. After a revocation, each token is looked up once in an in-memory table, which takes about 300 ns. The table has an entry of
//! [at most 150 bytes](Revocations::quota) for each revocation, until the last token that it concerns has expired.
//!
//! # What it does not do
//!
//! The table is empty after a restart, and each process has its own: revoke in every process, or [share](Revocations::share) the
//! revocations. A revocation does not end the session at the issuer: with a refresh token, the client can get new access tokens there, and
//! only revoking the session refuses those too.
//!
//! # When it is checked
//!
//! Revocation is checked last: after the token has been validated, after every wait for keys, for an introspection or for the replay store,
//! and immediately before the request is passed on. So a request that is waiting while its token is revoked is refused.

mod end;
mod entries;
mod feed;
mod feed_status;
mod follower;
#[expect(clippy::module_inception, reason = "it says what is revoked")]
mod revocation;
mod revocation_record;
mod revocation_store;
mod revocation_store_error;
mod revocation_table;
mod revocations;
mod revocations_full;
mod revoke_error;
mod table;
mod token_facts;

pub use feed_status::{EventOutcome, FeedKind, FeedStatus, StreamState};
pub use follower::Follower;
pub use revocation::Revocation;
pub use revocation_record::{InvalidRecord, RevocationRecord};
pub use revocation_store::{AppendFuture, FollowFuture, RevocationStore};
pub use revocation_store_error::RevocationStoreError;
pub use revocations::Revocations;
pub use revocations_full::RevocationsFull;
pub use revoke_error::RevokeError;

#[cfg(any(feature = "back-channel-logout", feature = "shared-signals"))]
pub(crate) use feed::{Feed, FeedSettings};
pub(crate) use revocation_table::RevocationTable;
pub(crate) use token_facts::{Issued, TokenFacts};
