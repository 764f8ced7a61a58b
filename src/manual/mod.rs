#![doc = include_str!("manual.md")]

#[doc = include_str!("architecture.md")]
pub mod architecture {}

#[doc = include_str!("defaults.md")]
pub mod defaults {}

#[doc = include_str!("threat_model.md")]
pub mod threat_model {}

#[doc = include_str!("limits.md")]
pub mod limits {}

#[doc = include_str!("axum.md")]
pub mod axum {}

#[doc = include_str!("hyper.md")]
pub mod hyper {}

#[doc = include_str!("tonic.md")]
pub mod tonic {}

#[doc = include_str!("deployment.md")]
pub mod deployment {}

#[doc = include_str!("several_credentials.md")]
pub mod several_credentials {}

#[doc = include_str!("opaque_tokens.md")]
pub mod opaque_tokens {}

#[doc = include_str!("tenants.md")]
pub mod tenants {}

#[doc = include_str!("proxies.md")]
pub mod proxies {}

#[doc = include_str!("sender_constrained.md")]
pub mod sender_constrained {}

#[doc = include_str!("behind_a_gateway.md")]
pub mod behind_a_gateway {}

#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("providers.md")]
pub mod providers {}

#[doc = include_str!("mcp.md")]
pub mod mcp {}

#[doc = include_str!("step_up.md")]
pub mod step_up {}

#[doc = include_str!("delegation.md")]
pub mod delegation {}

#[doc = include_str!("messages.md")]
pub mod messages {}

#[doc = include_str!("observability.md")]
pub mod observability {}

#[doc = include_str!("revocation.md")]
pub mod revocation {}

#[doc = include_str!("migrating.md")]
pub mod migrating {}
