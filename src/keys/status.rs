use std::time::Duration;

use super::fetch::FetchError;
use crate::jose::SkippedJwk;

/// How one issuer's keys are, for readiness checks and dashboards.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct IssuerStatus {
    /// The issuer's identifier; or, if it has several that share these keys, the template that they follow, as in
    /// `https://login.microsoftonline.com/{tenantid}/v2.0`.
    pub issuer: Box<str>,
    /// Whether its tokens can be judged now: there are keys, and they are not too old.
    pub is_usable: bool,
    /// How old the keys are. `None` before the first.
    pub age: Option<Duration>,
    /// How long they are fresh. Past it they are stale, and used for another hour.
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
