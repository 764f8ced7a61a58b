//! The feature `metrics` is off: nothing is counted.

#[cfg(feature = "introspection")]
use std::time::Duration;
use std::time::SystemTime;

pub(crate) fn accepted() {}

pub(crate) fn refused(_reason: &'static str) {}

pub(crate) fn undecided() {}

pub(crate) fn request_refused(_kind: &'static str) {}

pub(crate) fn token_remembered() {}

pub(crate) fn token_verified() {}

pub(crate) fn keys_fetched(_issuer: &str, _keys: usize, _at: SystemTime) {}

pub(crate) fn keys_held(_issuer: &str, _keys: usize, _at: SystemTime) {}

#[cfg(feature = "introspection")]
pub(crate) fn introspected(_issuer: &str, _took: Duration) {}

#[cfg(feature = "introspection")]
pub(crate) fn introspection_failed(_issuer: &str, _took: Duration) {}

#[cfg(feature = "introspection")]
pub(crate) fn introspection_circuit(_issuer: &str, _is_open: bool) {}

pub(crate) fn replay_store(_entries: usize, _capacity: usize) {}

pub(crate) fn revocations(_entries: usize) {}

#[cfg(feature = "tenants")]
pub(crate) fn tenant_loaded(_result: &'static str) {}

#[cfg(feature = "tenants")]
pub(crate) fn tenants_in_use(_tenants: u64) {}

#[cfg(feature = "serde")]
pub(crate) fn configuration_read(_is_current: bool, _is_reload: bool) {}

pub(crate) fn keys_not_fetched(_issuer: &str) {}

#[cfg(any(feature = "back-channel-logout", feature = "shared-signals"))]
pub(crate) fn revocation_event(_feed: &'static str, _issuer: &str, _outcome: &'static str) {}

pub(crate) fn revocation_feed_heard(_feed: &'static str, _issuer: &str, _at: SystemTime) {}

pub(crate) fn tenant_keys_fetched() {}

pub(crate) fn tenant_keys_not_fetched() {}
