//! What an access token means: the rules of RFC 9068 and RFC 7519. Pure; the time is an argument.

pub(crate) mod access_token;
pub(crate) mod claims;
mod error;
mod numeric_date;
mod registered;
pub(crate) mod scope;
mod text;
mod validator;
mod validity;

pub use claims::ClaimsError;
pub use error::TokenError;
pub use numeric_date::NumericDate;
pub use scope::InvalidScope;
pub use validator::Profile;

pub(crate) use validator::{Candidate, MAX_TOKEN_LENGTH, Policy};
pub(crate) use validity::Validity;
