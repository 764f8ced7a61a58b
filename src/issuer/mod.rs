//! The issuers that a server trusts: their settings, the presets for providers, and the registry that finds
//! them.

mod config_error;
#[expect(clippy::module_inception, reason = "a file is named for its main type")]
pub(crate) mod issuer;
#[cfg(feature = "introspection")]
mod opaque_issuers;
#[cfg(feature = "http-client")]
mod presets;
mod registry;
mod source;
mod text_error;

pub use config_error::ConfigError;
pub use text_error::TextError;

pub(crate) use registry::IssuerRegistry;
