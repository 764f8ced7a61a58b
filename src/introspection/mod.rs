//! Opaque tokens: what this server needs to ask the introspection endpoint of their issuer (RFC 7662, feature `introspection`).
//!
//! [`ClientAuthentication`] says how this server authenticates there, with a [`Secret`] or a [`PrivateKey`].
#![expect(dead_code, reason = "no issuer introspects tokens yet")]

mod answer;
mod assertion;
mod client_authentication;
mod endpoint;
mod exchange;
mod introspection_error;
mod invalid_private_key;
mod key_pair;
mod location;
mod placeholder;
mod private_jwk;
mod private_key;
mod retry_after;
mod secret;
mod signed_answer;
mod signed_answer_error;
#[cfg(test)]
mod tests;

pub use client_authentication::{ClientAuthentication, InvalidClientId};
pub use introspection_error::IntrospectionError;
pub use invalid_private_key::InvalidPrivateKey;
pub use private_key::PrivateKey;
pub use secret::{InvalidSecret, Secret};
pub use signed_answer_error::SignedAnswerError;

#[cfg_attr(not(test), expect(unused_imports, reason = "no issuer introspects tokens yet"))]
pub(crate) use answer::Answer;
#[cfg_attr(not(test), expect(unused_imports, reason = "no issuer introspects tokens yet"))]
pub(crate) use endpoint::Endpoint;
#[cfg_attr(not(test), expect(unused_imports, reason = "no issuer introspects tokens yet"))]
pub(crate) use signed_answer::{Expected, SignedAnswer};
