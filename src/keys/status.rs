use std::time::Duration;

use super::fetch_error::FetchError;
use crate::jose::SkippedJwk;

/// How one issuer's keys are, for dashboards and logs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct IssuerStatus {
    /// The issuer's identifier; or, if it has several that share these keys, the template that they follow, as in
    /// `https://login.microsoftonline.com/{tenantid}/v2.0`.
    pub issuer: Box<str>,
    /// Whether its tokens can be validated now: there are usable keys within their lifetime, or the issuer cannot be reached and
    /// the hour beyond has not passed.
    pub is_usable: bool,
    /// How old the keys are, the time in caches counted. `None` before the first, and for keys that never change.
    pub age: Option<Duration>,
    /// How old they may become before they are stale.
    pub lifetime: Option<Duration>,
    /// The names of the keys (`kid`), in the order of the set.
    pub key_ids: Vec<Box<str>>,
    /// The entries of the set that are not used.
    pub skipped: Vec<SkippedJwk>,
    /// How often the keys were fetched, successfully or not.
    pub fetches: u64,
    /// How often that failed.
    pub failures: u64,
    /// Why it failed, if it did the last time.
    pub last_error: Option<FetchError>,
}
