//! Opaque tokens: what their issuer says about them, and for how long that is used (RFC 7662).
//!
//! An answer is about the moment when the endpoint was asked. It is used for a limited time from then on, however often, and the
//! times of the token are checked again at each use.

mod active;
mod answer_source;
mod answers;
mod circuit;
mod endpoint_source;
mod introspector;
mod loads;
mod room;
mod token_form;

pub(crate) use answer_source::AnswerSource;
pub(crate) use endpoint_source::{EndpointSource, Signatures};
pub(crate) use introspector::{Answer, Introspector, Limits, Lookup};
pub(crate) use loads::PendingAnswer;
pub(crate) use token_form::TokenForm;
