//! Metrics (feature `metrics`), for any recorder of the [`metrics`](https://docs.rs/metrics) facade that the application installs.
//!
//! The names and labels are stable: they change only with a major version. No label value comes from a client, so the number of
//! series is bounded by the code and by the trusted issuers.
//!
//! | name | kind | labels | meaning |
//! |---|---|---|---|
//! | [`tower_bearer_tokens_total`](TOKENS) | counter | `result`, `reason` | tokens that were validated, for a request or by [`verify`](crate::ResourceServer::verify): `accepted`, `refused` with the [reason](crate::validation::VerifyError::reason) (which may concern the DPoP proof), or `undecided` because the issuer's keys were unavailable |
//! | [`tower_bearer_refusals_total`](REFUSALS) | counter | `kind` | requests that were answered with a refusal, by the layer or by the inner service, by the refusal's [kind](crate::rejection::RejectionKind::name); and requests that no layer protected |
//! | [`tower_bearer_token_cache_total`](TOKEN_CACHE) | counter | `result` | valid tokens that were found in the cache (`hit`) or verified (`miss`); an opaque token whose answer is cached is also a `hit` |
//! | [`tower_bearer_key_fetches_total`](KEY_FETCHES) | counter | `issuer`, `result` | fetches of an issuer's keys that have ended: `success` or `failure`. All [tenants](crate::manual::tenants) are counted as one issuer, [`tenants`](TENANTS) |
//! | [`tower_bearer_keys`](KEYS) | gauge | `issuer` | usable keys that are held |
//! | [`tower_bearer_keys_timestamp_seconds`](KEYS_TIMESTAMP) | gauge | `issuer` | when the held keys were last known to be current, in seconds since 1970 (an age would not advance between fetches) |
//! | [`tower_bearer_introspections_total`](INTROSPECTIONS) | counter | `issuer`, `result` | introspection requests to the issuer: `answered` or `failed` |
//! | [`tower_bearer_introspection_seconds`](INTROSPECTION_SECONDS) | histogram | `issuer` | how long each introspection request took, with or without an answer |
//! | [`tower_bearer_introspection_circuit_open`](INTROSPECTION_CIRCUIT_OPEN) | gauge | `issuer` | 1 while the endpoint [is not asked](crate::manual::opaque_tokens) because too many requests have failed, until one is answered; otherwise 0 |
//! | [`tower_bearer_replay_store_entries`](REPLAY_STORE_ENTRIES) | gauge | | DPoP proofs in the [in-memory store](crate::dpop::MemoryReplayStore), as of the last proof; with several stores, of the one used last |
//! | [`tower_bearer_replay_store_capacity`](REPLAY_STORE_CAPACITY) | gauge | | how many proofs that store has room for |
//! | [`tower_bearer_revocations`](REVOCATIONS) | gauge | | [revocations](crate::revocation::Revocations::len) that are kept, as of the last one; with several tables, of the one changed last |
//! | [`tower_bearer_revocation_events_total`](REVOCATION_EVENTS) | counter | `feed`, `issuer`, `outcome` | events that a [feed](crate::revocation::FeedKind::name) of revocations has received, by [outcome](crate::revocation::EventOutcome::name) |
//! | [`tower_bearer_revocation_feed_timestamp_seconds`](REVOCATION_FEED_TIMESTAMP) | gauge | `feed`, `issuer` | when a feed was last heard from, in seconds since 1970; the `issuer` of a shared store is empty |
//! | [`tower_bearer_tenant_loads_total`](TENANT_LOADS) | counter | `result` | tenants that were looked up: `found` with their keys, `unknown` to the resolver, `unavailable` (the resolver or the keys), or `busy` because a limit was reached |
//! | [`tower_bearer_tenants_in_use`](TENANTS_IN_USE) | gauge | | tenants that are kept because one of their tokens was accepted |
//! | [`tower_bearer_configuration_reloads_total`](CONFIGURATION_RELOADS) | counter | `result` | readings of a changed [configuration file](crate::config::Watch): `success` if it replaced the configuration, `failure` if it has a mistake, which polling counts once while it lasts |
//! | [`tower_bearer_configuration_current`](CONFIGURATION_CURRENT) | gauge | | 1 if the server uses the configuration in the file, 0 if the last reading failed |
//!
//! What to look at:
//!
//! ```text
//! time() - tower_bearer_keys_timestamp_seconds > 3600          # an issuer cannot be reached: its keys age
//! rate(tower_bearer_key_fetches_total{result="failure"}[5m])   # an earlier sign of that: fetches fail
//! rate(tower_bearer_refusals_total{kind="keys_unavailable"}[5m]) # good clients are refused: alert
//! time() - tower_bearer_revocation_feed_timestamp_seconds{feed="store"} > 10 # revocations of other processes are missing
//! rate(tower_bearer_tokens_total{reason="signature"}[5m])      # forgeries, or a key was replaced
//! ```
//!
//! [Alert rules and a dashboard](crate::manual::observability#dashboard-and-alerts) are in the repository.
//! `examples/metrics.rs` is an API that Prometheus can scrape. The cost of an event depends on the recorder; without one, it is
//! a few nanoseconds. For a readiness probe, use [`is_ready`](crate::ResourceServer::is_ready) instead.

#[cfg(feature = "introspection")]
use std::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

#[cfg(feature = "introspection")]
use ::metrics::histogram;
use ::metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};

/// Validated tokens, by `result` and `reason`.
pub const TOKENS: &str = "tower_bearer_tokens_total";
/// Requests that were refused, by `kind`.
pub const REFUSALS: &str = "tower_bearer_refusals_total";
/// Valid tokens, by whether they were found in the cache (`result`).
pub const TOKEN_CACHE: &str = "tower_bearer_token_cache_total";
/// Fetches of keys that have ended, by `issuer` and `result`.
pub const KEY_FETCHES: &str = "tower_bearer_key_fetches_total";
/// The `issuer` label of [`KEY_FETCHES`] for all tenants together (feature `tenants`). There are no gauges for their keys.
pub const TENANTS: &str = "tenants";
/// Usable keys that are held, by `issuer`.
pub const KEYS: &str = "tower_bearer_keys";
/// When the held keys were last known to be current, by `issuer`.
pub const KEYS_TIMESTAMP: &str = "tower_bearer_keys_timestamp_seconds";
/// Introspection requests, by `issuer` and `result`.
pub const INTROSPECTIONS: &str = "tower_bearer_introspections_total";
/// How long introspection requests took, by `issuer`.
pub const INTROSPECTION_SECONDS: &str = "tower_bearer_introspection_seconds";
/// Whether an introspection endpoint is not asked at present, by `issuer`.
pub const INTROSPECTION_CIRCUIT_OPEN: &str = "tower_bearer_introspection_circuit_open";
/// DPoP proofs that the in-memory store keeps.
pub const REPLAY_STORE_ENTRIES: &str = "tower_bearer_replay_store_entries";
/// How many DPoP proofs the in-memory store has room for.
pub const REPLAY_STORE_CAPACITY: &str = "tower_bearer_replay_store_capacity";
/// Revocations that are kept.
pub const REVOCATIONS: &str = "tower_bearer_revocations";
/// Events of the feeds of revocations, by `feed`, `issuer` and `outcome`.
pub const REVOCATION_EVENTS: &str = "tower_bearer_revocation_events_total";
/// When a feed of revocations was last heard from, by `feed` and `issuer`.
pub const REVOCATION_FEED_TIMESTAMP: &str = "tower_bearer_revocation_feed_timestamp_seconds";
/// Tenants that were looked up, by `result`.
pub const TENANT_LOADS: &str = "tower_bearer_tenant_loads_total";
/// Tenants that are kept.
pub const TENANTS_IN_USE: &str = "tower_bearer_tenants_in_use";
/// Readings of a changed configuration file, by `result`.
pub const CONFIGURATION_RELOADS: &str = "tower_bearer_configuration_reloads_total";
/// Whether the server uses the configuration that was last read.
pub const CONFIGURATION_CURRENT: &str = "tower_bearer_configuration_current";

/// Describes every metric to the installed recorder.
///
/// Calling it is optional; it adds `HELP` lines to a Prometheus scrape.
pub fn describe() {
    describe_counter!(INTROSPECTIONS, "Introspection requests, by result");
    describe_counter!(TOKENS, "Validated tokens, by result and reason");
    describe_counter!(REFUSALS, "Requests that were refused, by kind");
    describe_counter!(TOKEN_CACHE, "Valid tokens, by whether they were found in the cache");
    describe_counter!(KEY_FETCHES, "Fetches of an issuer's keys that have ended, by result");
    describe_counter!(REVOCATION_EVENTS, "Events of the revocation feeds, by outcome");
    describe_gauge!(
        REVOCATION_FEED_TIMESTAMP,
        Unit::Seconds,
        "When a revocation feed was last heard from, in seconds since 1970"
    );
    describe_gauge!(KEYS, "Usable keys of an issuer");
    describe_histogram!(INTROSPECTION_SECONDS, Unit::Seconds, "How long introspection requests took");
    describe_gauge!(INTROSPECTION_CIRCUIT_OPEN, "Whether an introspection endpoint is not asked at present");
    describe_gauge!(REPLAY_STORE_ENTRIES, "DPoP proofs that the in-memory store keeps");
    describe_gauge!(REPLAY_STORE_CAPACITY, "DPoP proofs that the in-memory store has room for");
    describe_gauge!(REVOCATIONS, "Revocations that are kept");
    describe_counter!(TENANT_LOADS, "Tenants that were looked up, by result");
    describe_gauge!(TENANTS_IN_USE, "Tenants that are kept");
    describe_counter!(CONFIGURATION_RELOADS, "Readings of a changed configuration file, by result");
    describe_gauge!(CONFIGURATION_CURRENT, "Whether the server uses the configuration that was last read");
    describe_gauge!(
        KEYS_TIMESTAMP,
        Unit::Seconds,
        "When the keys of an issuer were last known to be current, in seconds since 1970"
    );
}

pub(crate) fn accepted() {
    counter!(TOKENS, "result" => "accepted", "reason" => "").increment(1);
}

pub(crate) fn refused(reason: &'static str) {
    counter!(TOKENS, "result" => "refused", "reason" => reason).increment(1);
}

pub(crate) fn undecided() {
    counter!(TOKENS, "result" => "undecided", "reason" => "").increment(1);
}

pub(crate) fn request_refused(kind: &'static str) {
    counter!(REFUSALS, "kind" => kind).increment(1);
}

pub(crate) fn token_remembered() {
    counter!(TOKEN_CACHE, "result" => "hit").increment(1);
}

pub(crate) fn token_verified() {
    counter!(TOKEN_CACHE, "result" => "miss").increment(1);
}

/// There are `keys` of the issuer, current at the time `at`.
pub(crate) fn keys_fetched(issuer: &str, keys: usize, at: SystemTime) {
    counter!(KEY_FETCHES, "issuer" => issuer.to_owned(), "result" => "success").increment(1);
    keys_held(issuer, keys, at);
}

/// The same, without a fetch: an earlier process had the keys.
pub(crate) fn keys_held(issuer: &str, keys: usize, at: SystemTime) {
    gauge!(KEYS, "issuer" => issuer.to_owned()).set(count(keys));
    gauge!(KEYS_TIMESTAMP, "issuer" => issuer.to_owned()).set(seconds(at));
}

/// An issuer has answered a question about an opaque token.
#[cfg(feature = "introspection")]
pub(crate) fn introspected(issuer: &str, took: Duration) {
    introspection(issuer, "answered", took);
}

/// An issuer has not answered.
#[cfg(feature = "introspection")]
pub(crate) fn introspection_failed(issuer: &str, took: Duration) {
    introspection(issuer, "failed", took);
}

#[cfg(feature = "introspection")]
fn introspection(issuer: &str, result: &'static str, took: Duration) {
    counter!(INTROSPECTIONS, "issuer" => issuer.to_owned(), "result" => result).increment(1);
    histogram!(INTROSPECTION_SECONDS, "issuer" => issuer.to_owned()).record(took);
}

/// Whether an introspection endpoint is not asked at present.
#[cfg(feature = "introspection")]
pub(crate) fn introspection_circuit(issuer: &str, is_open: bool) {
    gauge!(INTROSPECTION_CIRCUIT_OPEN, "issuer" => issuer.to_owned()).set(f64::from(u8::from(is_open)));
}

/// A store of used proofs has this many entries, and room for `capacity`.
pub(crate) fn replay_store(entries: usize, capacity: usize) {
    gauge!(REPLAY_STORE_ENTRIES).set(count(entries));
    gauge!(REPLAY_STORE_CAPACITY).set(count(capacity));
}

/// This many revocations are kept.
pub(crate) fn revocations(entries: usize) {
    gauge!(REVOCATIONS).set(count(entries));
}

/// A tenant was looked up.
#[cfg(feature = "tenants")]
pub(crate) fn tenant_loaded(result: &'static str) {
    counter!(TENANT_LOADS, "result" => result).increment(1);
}

/// This many tenants are in use.
#[cfg(feature = "tenants")]
pub(crate) fn tenants_in_use(tenants: u64) {
    gauge!(TENANTS_IN_USE).set(u32::try_from(tenants).unwrap_or(u32::MAX));
}

/// A configuration file was read, and is used if `is_current`. It is a reload if it had changed.
#[cfg(feature = "serde")]
pub(crate) fn configuration_read(is_current: bool, is_reload: bool) {
    if is_reload {
        let result = if is_current { "success" } else { "failure" };
        counter!(CONFIGURATION_RELOADS, "result" => result).increment(1);
    }
    gauge!(CONFIGURATION_CURRENT).set(f64::from(u8::from(is_current)));
}

/// The keys of a tenant were fetched. There are too many tenants for a label.
pub(crate) fn tenant_keys_fetched() {
    counter!(KEY_FETCHES, "issuer" => TENANTS, "result" => "success").increment(1);
}

/// The keys of a tenant could not be fetched.
pub(crate) fn tenant_keys_not_fetched() {
    counter!(KEY_FETCHES, "issuer" => TENANTS, "result" => "failure").increment(1);
}

pub(crate) fn keys_not_fetched(issuer: &str) {
    counter!(KEY_FETCHES, "issuer" => issuer.to_owned(), "result" => "failure").increment(1);
}

/// A feed of revocations has received an event.
#[cfg(any(feature = "back-channel-logout", feature = "shared-signals"))]
pub(crate) fn revocation_event(feed: &'static str, issuer: &str, outcome: &'static str) {
    counter!(REVOCATION_EVENTS, "feed" => feed, "issuer" => issuer.to_owned(), "outcome" => outcome).increment(1);
}

/// A feed of revocations was heard at the time `at`.
pub(crate) fn revocation_feed_heard(feed: &'static str, issuer: &str, at: SystemTime) {
    gauge!(REVOCATION_FEED_TIMESTAMP, "feed" => feed, "issuer" => issuer.to_owned()).set(seconds(at));
}

fn count(entries: usize) -> u32 {
    u32::try_from(entries).unwrap_or(u32::MAX)
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
