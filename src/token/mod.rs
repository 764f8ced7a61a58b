//! What an access token means: the rules of RFC 9068 and RFC 7519. Pure; the time is an argument.

pub(crate) mod access_token;
pub(crate) mod claims;
#[cfg_attr(not(feature = "http-client"), expect(dead_code, reason = "presets use all of it"))]
mod dialect;
mod error;
#[cfg_attr(not(feature = "http-client"), expect(dead_code, reason = "presets use all of it"))]
mod identity;
mod numeric_date;
mod recipient;
mod registered;
mod rule;
pub(crate) mod scope;
mod text;
mod validator;
mod validity;

pub use claims::ClaimsError;
pub use error::TokenError;
pub use numeric_date::NumericDate;
pub use scope::InvalidScope;
pub use validator::Profile;

pub(crate) use access_token::{Judge, ServerIdentity};
pub(crate) use dialect::Dialect;
#[cfg(feature = "http-client")]
pub(crate) use dialect::{ClientClaim, KeyIssuers, Mark};
pub(crate) use identity::{Identities, is_tenant};
pub(crate) use recipient::Recipient;
pub(crate) use rule::{Rule, Stage};
pub(crate) use validator::{Candidate, MAX_TOKEN_LENGTH, Policy, Subjects};
pub(crate) use validity::Validity;
