//! The resource server: credentials, keys and the time go in, a verdict comes out.

mod builder;
mod checks;
mod claims_extension;
mod config_error;
mod context;
mod credentials;
mod cross_site;
mod explanation;
pub(crate) mod issuer;
#[cfg(feature = "http-client")]
mod presets;
pub(crate) mod resource_server;
mod text_error;
mod token_cache;
mod token_source;

pub use builder::{Builder, NeedsIssuer, Trusting};
pub use config_error::ConfigError;
pub use explanation::{Explanation, Step};
pub use resource_server::{NotTrusted, VerifyError};
pub use text_error::TextError;
pub use token_cache::{TokenCache, TokenCacheStatus};
pub use token_source::TokenSource;

#[cfg(feature = "serde")]
pub(crate) use checks::{Mistake, Place};
pub(crate) use context::{Access, Context};
pub(crate) use resource_server::{Admission, Pending};
#[cfg(feature = "serde")]
pub(crate) use text_error::check_text;
pub(crate) use token_source::{SourceIndex, TokenSources};
