//! The cache of verified tokens. A valid signature stays valid as long as its key is trusted, so it need not be verified again.
//!
//! An entry is about the past. The caller checks again whatever may have changed since: the time, and whether the
//! [evidence](Entry::evidence) still proves the token. Nothing depends on an entry being removed in time, because an insertion
//! may always come a moment later.

mod admission_filter;
mod counters;
mod fingerprint;
mod settings;
mod verified_tokens;

pub(crate) use fingerprint::Fingerprint;
#[cfg(feature = "introspection")]
pub(crate) use fingerprint::Fingerprinter;
pub use settings::{TokenCache, TokenCacheStatus};
pub(crate) use verified_tokens::{Entry, VerifiedTokens};
