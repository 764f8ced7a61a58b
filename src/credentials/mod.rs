//! Where a request carries its access token, and how it is found.

mod authorization;
mod cross_site;
mod place;
mod request_view;
mod token_source;
mod token_sources;

pub use token_source::{InvalidTokenSource, TokenSource};

pub(crate) use authorization::{MalformedCredentials, PROOF, Scheme, Schemes, is_b64token};
pub(crate) use request_view::RequestView;
pub(crate) use token_sources::{Presented, SourceIndex, TokenSources};
