//! Where an issuer's keys come from and how long they are believed.
//!
//! Every issuer of a server has its own keys, and nobody but who has to waits for them:
//!
//! - **Known keys never wait.** A token whose `kid` is at hand is judged with the keys at hand, whatever else goes on.
//! - **Keys are fetched once for all.** The first token that needs them starts the fetch, in a task of its own: whoever hangs
//!   up cancels nothing. It is given up after 5 seconds.
//! - **They are refreshed in time**, without anybody asking: at 80 % of the lifetime that `Cache-Control` or `Expires` state
//!   (between 1 minute and 1 hour; 10 minutes without them), give or take 10 %, and by a conditional request. A key that has
//!   left the set verifies nothing from then on.
//! - **An unknown `kid` waits for one fetch** that began after its token came, and for 6 seconds at most. Such fetches are
//!   counted by attempt: two at once, then one in 5 seconds. A name that was not found is known not to exist for 5 seconds.
//!   No more than 16,384 names are waited for at once; beyond that, the one that has waited longest gets 503.
//! - **A bad signature under a known `kid`** is refused at once, and may start one fetch a minute: the issuer may have a new
//!   key under the old name.
//! - **A failing issuer** is left alone for 1 second, then 2, 4 … 60, less up to a fifth. Its keys are used for up to an hour
//!   past their lifetime, and then its tokens get 503 until it is back. Nobody gets 401 for it.
//!
//! [`ResourceServer::ready`](crate::ResourceServer::ready) waits for the first keys,
//! [`ResourceServer::status`](crate::ResourceServer::status) tells how they are, and `tracing` has an event for every fetch
//! (debug), change and recovery (info), failure and key that is not used (warn); none for a request.
//!
//! # What a fleet does to its issuer
//!
//! 10,000 instances in virtual time, by `cargo run --release --example fleet`. Each gets one request a second (one a minute in
//! the first row), and in the rows with junk also one token a second with a name that does not exist. Fetches are counted for
//! the fleet as a whole from the third minute on, 401 and 503 for legitimate requests:
//!
//! | scenario | fetches | mean/s | peak/s | requests | 401 | 503 | longest wait |
//! |---|---:|---:|---:|---:|---:|---:|---:|
//! | a steady day | 1794358 | 20.8 | 109 | 14400000 | 0 | 0 | 0.05 s |
//! | a rotation, not announced | 149950 | 21.2 | 10000 | 71703420 | 0 | 0 | 0.05 s |
//! | an hour without the issuer | 838983 | 58.8 | 350 | 143703420 | 0 | 0 | 0.05 s |
//! | ten minutes of junk | 1349084 | 190.5 | 4087 | 71703420 | 0 | 0 | 0.05 s |
//! | a rotation amid ten minutes of junk | 1349084 | 190.5 | 4087 | 71703420 | 0 | 0 | 5.02 s |
//!
//! A key that nobody was told of costs each instance one fetch when its first token comes; an issuer that publishes a key ten
//! minutes before it signs with it pays nothing.

mod address;
mod cache;
mod discovery;
mod fetch;
mod file;
mod for_logs;
mod freshness;
mod pilot;
mod resolver;
mod source;
mod status;
mod store;
mod transport;
mod waiting_room;

pub use discovery::{DiscoveryError, UrlError};
pub use fetch::{FetchError, FetchFuture, FetchRequest, Fetched, KeySource, Validators};
pub use file::KeyFile;
pub use source::RemoteKeys;
pub use status::IssuerStatus;

pub(crate) use discovery::{fetchable, identifying};
pub(crate) use store::{KeyStore, Lookup};
pub(crate) use waiting_room::Waiting;
