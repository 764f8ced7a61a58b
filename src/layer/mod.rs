//! The layers, and the services that they create.
//!
//! # Tracing
//!
//! For each request, the protecting layer creates a `tracing` span named `bearer`, at debug level unless
//! [set](ProtectLayer::trace_level) otherwise. The inner service runs in it. Its fields are recorded as they become known:
//!
//! | field | value |
//! |---|---|
//! | `issuer` | the issuer of a valid token |
//! | `subject` | the subject of a valid token, if [enabled](ProtectLayer::trace_subject) |
//! | `outcome` | `granted`, `granted_by_extension` for a credential that the layer [ignores](ProtectLayer::ignore_tokens), `anonymous` where that is allowed, or the [kind](crate::rejection::RejectionKind::name) of the refusal, including an inner layer's |
//! | `reason` | what is wrong with a bad token or its proof, as [a constant word](crate::validation::VerifyError::reason); `ignored` for a credential that the layer ignores, if no extension of the request satisfies the requirement instead |
//!
//! A debug event in the span states the reason for a refusal, with what was expected and what was found. Neither the span nor the
//! event contains the token. A debug event outside the span, with the issuer, states that a response body has [ended with its
//! token](ProtectLayer::end_with_token). The module `metrics`, behind the feature of the same name, documents what is counted.

mod caching;
mod end_with_token;
mod ending;
mod ending_body;
mod ending_responder;
mod ending_service;
mod future;
mod ignored_tokens;
mod metadata;
#[cfg(feature = "mcp")]
mod operations;
#[cfg(feature = "mcp")]
mod operations_future;
mod protect;
mod release;
mod request_state;
mod require;
mod require_by;
mod settings;
mod token_expired;

pub use end_with_token::EndWithToken;
pub use ending_body::EndingBody;
pub use ending_responder::EndingResponder;
pub use ending_service::{EndingFuture, EndingService};
pub use future::ResponseFuture;
pub use metadata::MetadataService;
#[cfg(feature = "mcp")]
pub use operations::OperationsService;
#[cfg(feature = "mcp")]
pub use operations_future::OperationsFuture;
pub use protect::{Protect, ProtectLayer};
pub use require::{RequireFuture, RequireService};
pub use require_by::RequireBy;
pub use token_expired::TokenExpired;
