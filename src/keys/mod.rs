//! The sources of an issuer's keys, and how long keys are used.
//!
//! Every issuer of a server has its own keys, and only a request that needs a fetch waits for one:
//!
//! - **A known key is used immediately.** A token whose `kid` is among the held keys is validated with them, within their lifetime.
//! - **Requests share a fetch.** The first token that needs keys starts a fetch in a separate task, so a client that disconnects does
//!   not cancel it. The fetch is given up after 5 seconds, or after the [time limit](KeySource::time_limit) of the source. At most
//!   [4,096](MAX_PENDING_REQUESTS) requests of a server wait for the first keys; further requests get 429.
//! - **Keys are refreshed in time**, independently of requests: by a conditional request at 80% (±10%) of the lifetime that
//!   `Cache-Control` or `Expires` states, which is clamped to between 1 minute and 1 hour. Without either header, the lifetime is 10
//!   minutes.
//! - **A key set replaces all keys**, even if it is empty: a key that it lacks no longer verifies anything. If it has no usable key,
//!   tokens get 503, and the next fetch follows as after a failure.
//! - **A token with an unknown `kid` waits for one fetch**, which makes intermediate caches revalidate. These fetches are limited to a
//!   burst of two, then one every 5 seconds. A request waits for at most 6 seconds, and only if the fetch is running or can start within
//!   1 second. At most [32](MAX_PENDING_UNKNOWN_KEYS) requests of a server wait like this; further requests get 429, with the seconds
//!   until the next fetch in `Retry-After`.
//! - **A token with an unknown `kid` gets 401** only if the keys are newer than the token: current at a time after it arrived, or after
//!   its `iat` plus the leeway. The age of a document from a cache (`Age`, RFC 9111 §5.1) is taken into account.
//! - **An older document**, by its `Age`, **does not replace a newer one** that is fresh, so an outdated cache does not undo the
//!   withdrawal of a key. The keys are then fetched again after a tenth of their lifetime.
//! - **A token without `kid`** is tried with the key that last verified a token with the same algorithm, and then with at most 16
//!   others, for which there is a budget of 1,000 verifications a second. If none verifies it, the token is treated like one with an
//!   unknown `kid`.
//! - **A bad signature under a known `kid`** is refused immediately, and starts at most one fetch a minute, because the issuer may have
//!   a new key under the old name.
//! - **A failing issuer** is asked again after 1 second, then 2, 4 … 60 s, each shortened by up to a fifth at random. Its keys are used for up
//!   to an hour past their lifetime, as long as there is recent evidence that the issuer cannot be reached: an attempt that began at
//!   most 75 seconds ago, and that failed or has been unanswered for 1 second. Without such evidence, as after a suspension, a request
//!   waits for a refresh for at most 1 second. After the hour, tokens get 503 until a fetch succeeds. They never get 401 because of an
//!   outage.
//! - **After a restart** there are no keys, unless they are [persisted](crate::Issuer::persist_keys). Keys from a file keep their age:
//!   they are used as if the process had not restarted, and the first lookup starts a fetch.
//! - **Ages** are measured by both the monotonic clock and the wall clock, and the larger age is used.
//!
//! [`ResourceServer::ready`](crate::ResourceServer::ready) waits for the first keys,
//! [`ResourceServer::status`](crate::ResourceServer::status) returns their state, and `tracing` has events for fetches (debug), changes
//! and recoveries (info), and failures and unused keys (warn), but none for individual requests.
//!
//! # The load of a fleet on its issuer
//!
//! This simulates 10,000 instances in virtual time, with `cargo run --release -p fleet -- keys`. Each gets one request a second (one a
//! minute in the first row) and, in the rows with junk, also one token a second with a nonexistent `kid`. Fetches are counted for the
//! whole fleet, from the third minute on. The columns 401, 429 and 503 count legitimate requests:
//!
//! | scenario | fetches | mean/s | peak/s | requests | 401 | 429 | 503 | longest wait |
//! |---|---:|---:|---:|---:|---:|---:|---:|---:|
//! | a steady day | 1794358 | 20.8 | 109 | 14400000 | 0 | 0 | 0 | 0.05 s |
//! | a rotation, not announced | 149950 | 21.2 | 10000 | 71703420 | 0 | 0 | 0 | 0.05 s |
//! | an hour without the issuer | 838983 | 58.8 | 350 | 143703420 | 0 | 0 | 0 | 0.05 s |
//! | ten minutes of junk | 1343148 | 189.7 | 4087 | 71703420 | 0 | 0 | 0 | 0.05 s |
//! | a rotation amid ten minutes of junk | 1343148 | 189.7 | 4087 | 71703420 | 0 | 16004 | 0 | 1.05 s |
//!
//! A key that was not published in advance costs each instance one fetch when its first token arrives; a key that is published ten
//! minutes before its first use costs none. Junk costs an instance one fetch every 5 seconds. It does not affect legitimate requests,
//! unless the issuer rotates its keys without notice at the same time: the first tokens with the new key get 429 while the next fetch is
//! more than 1 second away. In the last row, that is 1.6 requests per instance.
//!
//! `tools/fleet/README.md` has the figures of a platform with 1,000 tenants, opaque tokens and a shared store of revocations.

mod back_off;
mod decision;
mod discovery_error;
mod fetch_error;
mod file;
mod held_document;
mod issuer_keys;
mod key_trials;
mod pending;
mod persistence;
mod refresh_task;
#[cfg(feature = "http-client")]
mod remote;
mod running_fetch;
mod schedule;
mod seed;
mod seed_age;
mod source;
mod status;
mod store;
#[cfg(feature = "tenants")]
mod tenant_refetches;
mod token_bucket;
mod url_error;
mod verification;

pub use discovery_error::DiscoveryError;
pub use fetch_error::FetchError;
pub use file::KeyFile;
pub use pending::{MAX_PENDING_REQUESTS, MAX_PENDING_UNKNOWN_KEYS};
#[cfg(feature = "http-client")]
pub use remote::{InvalidTimeouts, RemoteKeys};
pub use seed::Seed;
pub use source::{FetchFuture, FetchRequest, Fetched, KeySource, Validators};
pub use status::IssuerStatus;
pub use url_error::UrlError;

#[cfg(feature = "introspection")]
pub(crate) use back_off::BackOff;
pub(crate) use decision::TokenTimes;
pub(crate) use pending::{PendingLookup, PendingLookups};
#[cfg(feature = "http-client")]
pub(crate) use remote::PersistedKeys;
#[cfg(feature = "introspection")]
pub(crate) use remote::{
    Deadline, DiscoveredUrl, FilteringResolver, IssuerUrl, MetadataUrl, Target, Timeouts, Transport, client_for,
    describe, is_plain,
};
#[cfg(feature = "introspection")]
pub(crate) use source::MAX_DOCUMENT_BYTES;
pub(crate) use store::KeyStore;
#[cfg(feature = "tenants")]
pub(crate) use tenant_refetches::FetchBudget;
#[cfg(feature = "tenants")]
pub(crate) use token_bucket::TokenBucket;
#[cfg(any(feature = "http-client", feature = "tenants"))]
pub(crate) use url_error::is_loopback;
pub(crate) use url_error::{Encryption, fetchable, identifying};
pub(crate) use verification::Verification;
