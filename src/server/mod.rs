//! The resource server: its builder, its facade, and the explanation of its decisions.

mod admission;
mod build;
#[cfg(feature = "introspection")]
mod build_introspection;
mod builder;
mod certificate_steps;
mod check;
mod claims_extension;
mod configured;
mod context;
mod explanation;
mod handle;
mod ignored_tokens;
#[cfg(feature = "introspection")]
mod introspection_steps;
mod issuer_settings;
mod kept;
mod mistakes;
mod proof_steps;
mod refusal_hook;
mod refused;
#[cfg(feature = "serde")]
mod reloadable;
mod request_checks;
pub(crate) mod resource_server;
mod snapshot;
mod step;
#[cfg(not(feature = "tenants"))]
#[path = "tenant_tokens_off.rs"]
mod tenant_tokens;
#[cfg(feature = "tenants")]
mod tenant_tokens;
mod validator;
mod with_request;

pub use crate::issuer::{ConfigError, TextError};
pub use builder::Builder;
pub use explanation::Explanation;
pub use resource_server::NotTrusted;
pub use step::Step;

pub(crate) use admission::{Accepted, Admission, PendingVerdict, Verdict};
pub(crate) use context::{Access, Context};
pub(crate) use handle::Handle;
#[cfg(feature = "shared-signals")]
pub(crate) use mistakes::check_audience;
#[cfg(feature = "serde")]
pub(crate) use mistakes::{Mistake, Place};
pub(crate) use refused::{Cause, Refused};
#[cfg(feature = "serde")]
pub(crate) use reloadable::{Changes, Reloadable};
pub(crate) use snapshot::Snapshot;
