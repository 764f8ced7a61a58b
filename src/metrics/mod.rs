//! Metrics (feature `metrics`), for any recorder of the [`metrics`](https://docs.rs/metrics) facade that the application installs.
//!
//! The names and labels are stable: they change with a major version only. No label value comes from a client, so the number of
//! series is bounded by the code and by the trusted issuers.
//!
//! | name | kind | labels | what |
//! |---|---|---|---|
//! | [`tower_bearer_tokens_total`](TOKENS) | counter | `result`, `reason` | tokens that were validated, for a request or by [`verify`](crate::ResourceServer::verify): `accepted`, `refused` with a [reason](crate::validation::VerifyError::reason), also of its DPoP proof, or `undecided` because the issuer's keys were unavailable |
//! | [`tower_bearer_refusals_total`](REFUSALS) | counter | `kind` | requests that the layer answered with a refusal, its own or one of the inner service, by its [kind](crate::rejection::RejectionKind::name); and those that no layer protected |
//! | [`tower_bearer_token_cache_total`](TOKEN_CACHE) | counter | `result` | good tokens that were found in the cache (`hit`) or verified (`miss`); a `hit` is also an opaque token whose answer is known |
//! | [`tower_bearer_key_fetches_total`](KEY_FETCHES) | counter | `issuer`, `result` | fetches of an issuer's keys that have ended: `success` or `failure`. All [tenants](crate::manual::tenants) together are one issuer, [`tenants`](TENANTS) |
//! | [`tower_bearer_keys`](KEYS) | gauge | `issuer` | usable keys that are held |
//! | [`tower_bearer_keys_timestamp_seconds`](KEYS_TIMESTAMP) | gauge | `issuer` | when these were current, in seconds since 1970: an age would stand still between two fetches |
//! | [`tower_bearer_introspections_total`](INTROSPECTIONS) | counter | `issuer`, `result` | opaque tokens that the issuer was asked about: `answered` or `failed` |
//! | [`tower_bearer_revocation_events_total`](REVOCATION_EVENTS) | counter | `feed`, `issuer`, `outcome` | events that a [feed](crate::revocation::FeedKind::name) of revocations has received, by what has [become](crate::revocation::EventOutcome::name) of them |
//! | [`tower_bearer_revocation_feed_timestamp_seconds`](REVOCATION_FEED_TIMESTAMP) | gauge | `feed`, `issuer` | when a feed was last heard, in seconds since 1970; the `issuer` of a shared store is empty |
//!
//! What to look at:
//!
//! ```text
//! time() - tower_bearer_keys_timestamp_seconds > 3600          # an issuer cannot be reached: its keys age
//! rate(tower_bearer_key_fetches_total{result="failure"}[5m])   # … or about to be
//! rate(tower_bearer_refusals_total{kind="keys_unavailable"}[5m]) # good clients are refused: alert
//! time() - tower_bearer_revocation_feed_timestamp_seconds{feed="store"} > 10 # revocations of other processes are missing
//! rate(tower_bearer_tokens_total{reason="signature"}[5m])      # forgeries, or a key was replaced
//! ```
//!
//! `examples/metrics.rs` is an API that Prometheus can scrape. An event costs what the recorder makes of it: with none
//! installed, a few nanoseconds. A readiness probe asks [`is_ready`](crate::ResourceServer::is_ready) instead.

use std::time::{SystemTime, UNIX_EPOCH};

use ::metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

/// Validated tokens, by `result` and `reason`.
pub const TOKENS: &str = "tower_bearer_tokens_total";
/// Requests that were refused, by `kind`.
pub const REFUSALS: &str = "tower_bearer_refusals_total";
/// Good tokens, by whether they were remembered (`result`).
pub const TOKEN_CACHE: &str = "tower_bearer_token_cache_total";
/// Fetches of keys that have ended, by `issuer` and `result`.
pub const KEY_FETCHES: &str = "tower_bearer_key_fetches_total";
/// The `issuer` of [`KEY_FETCHES`] for all tenants (feature `tenants`) together. There are no gauges of their keys.
pub const TENANTS: &str = "tenants";
/// Usable keys that are held, by `issuer`.
pub const KEYS: &str = "tower_bearer_keys";
/// When the held keys were current, by `issuer`.
pub const KEYS_TIMESTAMP: &str = "tower_bearer_keys_timestamp_seconds";
/// Opaque tokens that their issuer was asked about, by `issuer` and `result`.
pub const INTROSPECTIONS: &str = "tower_bearer_introspections_total";
/// Events of the feeds of revocations, by `feed`, `issuer` and `outcome`.
pub const REVOCATION_EVENTS: &str = "tower_bearer_revocation_events_total";
/// When a feed of revocations was last heard, by `feed` and `issuer`.
pub const REVOCATION_FEED_TIMESTAMP: &str = "tower_bearer_revocation_feed_timestamp_seconds";

/// Describes every metric to the installed recorder.
///
/// Calling it is optional: a Prometheus scrape then has `HELP` lines.
pub fn describe() {
    describe_counter!(INTROSPECTIONS, "Opaque tokens that their issuer was asked about, by result");
    describe_counter!(TOKENS, "Validated tokens, by result and reason");
    describe_counter!(REFUSALS, "Requests that were refused, by kind");
    describe_counter!(TOKEN_CACHE, "Good tokens, by whether they were remembered");
    describe_counter!(KEY_FETCHES, "Fetches of an issuer's keys that have ended, by result");
    describe_counter!(REVOCATION_EVENTS, "Events of the feeds of revocations, by outcome");
    describe_gauge!(REVOCATION_FEED_TIMESTAMP, Unit::Seconds, "When a feed of revocations was last heard, since 1970");
    describe_gauge!(KEYS, "Usable keys of an issuer");
    describe_gauge!(KEYS_TIMESTAMP, Unit::Seconds, "When the keys of an issuer were current, since 1970");
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
    gauge!(KEYS, "issuer" => issuer.to_owned()).set(u32::try_from(keys).unwrap_or(u32::MAX));
    gauge!(KEYS_TIMESTAMP, "issuer" => issuer.to_owned()).set(seconds(at));
}

/// An issuer has answered what an opaque token is.
#[cfg(feature = "introspection")]
pub(crate) fn introspected(issuer: &str) {
    introspection(issuer, "answered");
}

/// An issuer has not answered.
#[cfg(feature = "introspection")]
pub(crate) fn introspection_failed(issuer: &str) {
    introspection(issuer, "failed");
}

#[cfg(feature = "introspection")]
fn introspection(issuer: &str, result: &'static str) {
    counter!(INTROSPECTIONS, "issuer" => issuer.to_owned(), "result" => result).increment(1);
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

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
