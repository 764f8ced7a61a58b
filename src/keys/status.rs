use std::time::Duration;

use super::fetch_error::FetchError;
use crate::jose::SkippedJwk;

/// The state of one issuer's keys, for dashboards and logs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct IssuerStatus {
    /// The issuer's identifier. If several identifiers share these keys, it is their template, such as
    /// `https://login.microsoftonline.com/{tenantid}/v2.0`. For a user flow of Azure AD B2C, it is the identifier and the user
    /// flow, such as `https://contoso.b2clogin.com/1a1a1a1a-…/v2.0/ (B2C_1_signin)`.
    pub issuer: Box<str>,
    /// Whether the issuer's tokens can be validated now: there are usable keys within their lifetime, or within the hour beyond
    /// it while the issuer cannot be reached.
    pub is_usable: bool,
    /// The age of the keys, including their time in HTTP caches. `None` for keys that never change, and before the first fetch
    /// unless an earlier process [persisted](crate::Issuer::persist_keys) the keys.
    pub age: Option<Duration>,
    /// The age at which they become stale.
    pub lifetime: Option<Duration>,
    /// The `kid`s of the keys, in the order of the set.
    pub key_ids: Vec<Box<str>>,
    /// The entries of the set that are not used.
    pub skipped: Vec<SkippedJwk>,
    /// The number of fetches, including failed ones.
    pub fetches: u64,
    /// The number of failed fetches.
    pub failures: u64,
    /// The error of the last fetch, if it failed.
    pub last_error: Option<FetchError>,
}
