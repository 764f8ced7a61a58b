//! The sources of an issuer's keys, and how long keys are used.
//!
//! Every issuer of a server has its own keys, and only a request that needs a fetch waits for one:
//!
//! - **A known key is used at once.** A token whose `kid` is among the held keys is validated with them, within their lifetime.
//! - **Requests share a fetch.** The first token that needs keys starts the fetch, in a separate task: a client that disconnects
//!   cancels nothing. It is given up after 5 seconds, or as the source [says](KeySource::time_limit). At most [4,096](MAX_PENDING_REQUESTS) requests of a server wait for
//!   the first keys. Further ones get 429.
//! - **Keys are refreshed in time**, without a request: at 80 % of the lifetime that `Cache-Control` or `Expires` state
//!   (between 1 minute and 1 hour; 10 minutes without them), give or take 10 %, and by a conditional request.
//! - **A key set replaces all keys**, also an empty one: a key that it lacks verifies nothing from then on. If it has no usable key,
//!   tokens get 503, and the next fetch follows as after a failure.
//! - **An unknown `kid` waits for one fetch**, which makes caches on the way revalidate. Attempts are limited: two at once, then one
//!   in 5 seconds. A request waits if the fetch runs or can start within 1 second, and for 6 seconds at most. At most
//!   [32](MAX_PENDING_UNKNOWN_KEYS) requests of a server wait so. Further ones get 429, with the seconds until the next fetch in `Retry-After`.
//! - **An unknown `kid` gets 401** only from keys that are newer than its token: as of a time after it arrived, or after its `iat` and
//!   the leeway. How old a document was when a cache handed it out (`Age`, RFC 9111 §5.1) counts.
//! - **An older document does not replace a newer one** that is fresh, by its `Age`: an outdated cache does not undo a withdrawal.
//!   The keys are then fetched again after a tenth of their lifetime.
//! - **A token without `kid`** is tried with the key that last verified one of its algorithm, and then with at most 16 others, for which
//!   there is a budget of 1,000 verifications a second. If none fits, it is treated as one with an unknown `kid`.
//! - **A bad signature under a known `kid`** is refused at once, and may start one fetch a minute: the issuer may have a new
//!   key under the old name.
//! - **A failing issuer** is not asked for 1 second, then 2, 4 … 60, less up to a fifth. Its keys are used for up to an hour
//!   past their lifetime, as long as there is fresh evidence that it cannot be reached: an attempt that failed, or that has been
//!   unanswered for 1 second, and that began at most 75 seconds ago. Without it, as after a suspension, a request waits for a refresh,
//!   for 1 second at most. After the hour tokens get 503 until a fetch succeeds. They never get 401 because of an outage.
//! - **After a restart** there are no keys, unless they are [persisted](crate::Issuer::persist_keys). Keys from a file keep their age: they
//!   are used as if the process had not restarted, and fetched again with the first look-up.
//! - **Ages** are measured by the monotonic and by the wall clock, and the larger one counts.
//!
//! [`ResourceServer::ready`](crate::ResourceServer::ready) waits for the first keys,
//! [`ResourceServer::status`](crate::ResourceServer::status) returns their state, and `tracing` has an event for every fetch
//! (debug), change and recovery (info), failure and key that is not used (warn); none for a request.
//!
//! # What a fleet does to its issuer
//!
//! 10,000 instances in virtual time, by `cargo run --release -p fleet -- keys`. Each gets one request a second (one a minute in
//! the first row), and in the rows with junk also one token a second with a name that does not exist. Fetches are counted for
//! the fleet as a whole from the third minute on, 401, 429 and 503 for legitimate requests:
//!
//! | scenario | fetches | mean/s | peak/s | requests | 401 | 429 | 503 | longest wait |
//! |---|---:|---:|---:|---:|---:|---:|---:|---:|
//! | a steady day | 1794358 | 20.8 | 109 | 14400000 | 0 | 0 | 0 | 0.05 s |
//! | a rotation, not announced | 149950 | 21.2 | 10000 | 71703420 | 0 | 0 | 0 | 0.05 s |
//! | an hour without the issuer | 838983 | 58.8 | 350 | 143703420 | 0 | 0 | 0 | 0.05 s |
//! | ten minutes of junk | 1343148 | 189.7 | 4087 | 71703420 | 0 | 0 | 0 | 0.05 s |
//! | a rotation amid ten minutes of junk | 1343148 | 189.7 | 4087 | 71703420 | 0 | 16004 | 0 | 1.05 s |
//!
//! A key that was not published in advance costs each instance one fetch when its first token comes; a key that is published ten
//! minutes before its first use costs none. Junk costs an instance one fetch in 5 seconds. It costs legitimate requests nothing,
//! unless the issuer rotates meanwhile without notice: the first tokens of the new key get 429 as long as the next fetch is more
//! than 1 second off. In the last row that is 1.6 requests an instance.
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
pub(crate) use token_bucket::TokenBucket;
#[cfg(any(feature = "http-client", feature = "tenants"))]
pub(crate) use url_error::is_loopback;
pub(crate) use url_error::{Encryption, fetchable, identifying};
pub(crate) use verification::Verification;
