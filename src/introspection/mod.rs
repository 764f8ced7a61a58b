//! Introspection of opaque tokens (RFC 7662, feature `introspection`).
//!
//! [`Issuer::introspection`](crate::Issuer::introspection) trusts an issuer whose tokens are opaque. [`Introspection`] has the settings, and
//! [`ClientAuthentication`] says how this server authenticates, with a [`Secret`] or a [`PrivateKey`].

mod answer;
mod assertion;
mod client_authentication;
mod endpoint;
mod exchange;
#[expect(clippy::module_inception, reason = "it has the settings of introspection")]
mod introspection;
mod introspection_error;
mod invalid_introspection;
mod invalid_private_key;
mod key_pair;
mod location;
mod private_jwk;
mod private_key;
mod retry_after;
mod secret;
mod signed_answer;
mod signed_answer_error;
#[cfg(test)]
mod tests;

pub use client_authentication::{ClientAuthentication, InvalidClientId};
pub use introspection::Introspection;
pub use introspection_error::IntrospectionError;
pub use invalid_introspection::InvalidIntrospection;
pub use invalid_private_key::InvalidPrivateKey;
pub use private_key::PrivateKey;
pub use secret::{InvalidSecret, Secret};
pub use signed_answer_error::SignedAnswerError;

pub(crate) use answer::Answer;
pub(crate) use introspection::{AbsentAudience, Answers};
pub(crate) use signed_answer::{Expected, SignedAnswer};
