//! x
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "axum")]
pub mod axum;
mod challenge;
pub mod clock;
pub mod jose;
pub mod keys;
pub mod layer;
pub mod rejection;
pub mod require;
pub mod server;
#[cfg(feature = "testing")]
pub mod testing;
pub mod token;

pub use rejection::refusal::Rejection;
pub use require::requirement::Require;
pub use server::issuer::Issuer;
pub use server::resource_server::ResourceServer;
pub use token::access_token::AccessToken;
pub use token::claims::Claims;
pub use token::scope::Scope;
