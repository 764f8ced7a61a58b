//! Whether an access token is valid: the rules of RFC 9068 and RFC 7519, the signature, and the cache of verified tokens.

mod cache;
#[cfg_attr(not(feature = "http-client"), expect(dead_code, reason = "only presets use all of it"))]
mod dialect;
mod evidence;
#[cfg_attr(not(feature = "http-client"), expect(dead_code, reason = "only presets use all of it"))]
mod identities;
#[cfg(feature = "introspection")]
mod introspected;
#[cfg(feature = "introspection")]
mod introspected_token;
#[cfg(feature = "introspection")]
pub(crate) mod introspection;
mod jwt;
mod outcome;
mod policy;
mod profile;
mod recipient;
mod rules;
mod server_context;
mod spiffe_id;
#[cfg(feature = "tenants")]
mod tenancy;
mod token_error;
mod trusted_issuer;
mod unverified_token;
mod validate;
mod verify_error;

pub use cache::{TokenCache, TokenCacheStatus};
pub use profile::{Profile, UnknownProfile};
pub use token_error::TokenError;
pub use verify_error::VerifyError;

pub(crate) use cache::{Entry, Fingerprint, VerifiedTokens};
pub(crate) use dialect::Dialect;
#[cfg(feature = "http-client")]
pub(crate) use dialect::{AtHash, KeyIssuers, Mark};
pub(crate) use identities::{Identities, is_tenant};
#[cfg(feature = "introspection")]
pub(crate) use introspected_token::IntrospectedToken;
#[cfg(feature = "tenants")]
pub(crate) use outcome::PendingIssuer;
pub(crate) use outcome::{Outcome, Pending};
pub(crate) use policy::{Bindings, Callers, Format, Policy, Subjects, UserFlow};
pub(crate) use recipient::Recipient;
pub(crate) use rules::{Facts, ISSUER_RULE, Rule, Stage, check_times_again};
pub(crate) use server_context::ServerContext;
#[cfg(feature = "http-client")]
pub(crate) use spiffe_id::is_trust_domain;
pub(crate) use spiffe_id::trust_domain_of;
#[cfg(feature = "tenants")]
pub(crate) use tenancy::Standing;
pub(crate) use trusted_issuer::{IssuerGeneration, Method, TrustedIssuer};
pub(crate) use unverified_token::{MAX_TOKEN_LENGTH, UnverifiedToken};
