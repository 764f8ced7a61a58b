use std::time::Duration;

use super::fetch_error::FetchError;
use crate::jose::SkippedJwk;

/// The state of one issuer's keys, for dashboards and logs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct IssuerStatus {
    /// The issuer's identifier; or, if it has several that share these keys, the template that they follow, as in
    /// `https://login.microsoftonline.com/{tenantid}/v2.0`; or, if it is a user flow of Azure AD B2C, the identifier and the user
    /// flow, as in `https://contoso.b2clogin.com/1a1a1a1a-…/v2.0/ (B2C_1_signin)`.
    pub issuer: Box<str>,
    /// Whether its tokens can be validated now: there are usable keys within their lifetime, or the issuer cannot be reached and
    /// the hour beyond has not passed.
    pub is_usable: bool,
    /// The age of the keys, including their time in HTTP caches. `None` before the first fetch, unless an earlier process
    /// [persisted](crate::Issuer::persist_keys) them, and for keys that never change.
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
