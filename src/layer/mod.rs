//! The layers themselves: the only code that names [`tower_service::Service`].
//!
//! # Tracing
//!
//! The protecting layer has a span (`tracing`, level debug) of the name `bearer` for each request, and what happens within
//! happens in it, the service that is protected too. Its fields are filled as they become known:
//!
//! | field | what |
//! |---|---|
//! | `issuer` | the token's, once the token is known to be good |
//! | `subject` | likewise, and only [on request](ProtectLayer::trace_subject) |
//! | `outcome` | once there is an answer: `granted`, `anonymous` where that is allowed, or the [kind](crate::rejection::RejectionKind::name) of the refusal, also of one from within |
//! | `reason` | what is wrong with a bad token, [in a word](crate::token::TokenError::reason) |
//!
//! An event in it (debug) tells the reason of a refusal at length, with what was found and what was expected. Neither has the
//! token. What is counted is said in `metrics`, the module of the feature of that name.

mod caching;
mod future;
mod metadata;
mod protect;
mod require;

pub use future::{RequireFuture, ResponseFuture};
pub use metadata::MetadataService;
pub use protect::{Protect, ProtectLayer};
pub use require::RequireService;
