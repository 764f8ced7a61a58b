//! Where an endpoint of an issuer is, as its metadata says, and when the metadata is read again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use url::Url;

use super::issuer_url::{IssuerUrl, MetadataUrl};
use super::transport::{Answer, Deadline, Get, Transport};
use crate::keys::{FetchError, FetchRequest};
use crate::redact;

/// The part of a request's time that reading the metadata again may take: the rest is for the endpoint, whose location is known.
const REREAD_PART: f64 = 0.4;
/// How long metadata is used before it is read again, with the next request to the endpoint.
const METADATA_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// The number of failed requests in a row after which the metadata is read again …
const FAILURES_BEFORE_REREAD: u32 = 2;
/// … and the least time between two readings, whatever the reason.
const REREAD_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// A URL that the metadata of one issuer names, such as its `jwks_uri`.
pub(crate) struct DiscoveredUrl {
    issuer: IssuerUrl,
    member: MetadataUrl,
    known: Mutex<Option<Known>>,
}

/// The result of the last reading of the metadata.
#[derive(Clone)]
struct Known {
    url: Url,
    metadata: Url,
    read_at: Instant,
    /// When the last attempt to read the metadata again was made.
    reread_at: Option<Instant>,
    /// The number of failed requests to the URL in a row.
    failures: u32,
}

impl DiscoveredUrl {
    pub(crate) fn new(issuer: IssuerUrl, member: MetadataUrl) -> Self {
        Self { issuer, member, known: Mutex::default() }
    }

    /// Whether both are the same member of the same issuer's metadata.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.issuer == other.issuer && self.member == other.member
    }

    pub(crate) fn issuer(&self) -> &IssuerUrl {
        &self.issuer
    }

    /// Returns the URL, as known or as the metadata says now, for a request that may take `time` in all.
    pub(crate) async fn locate(
        &self,
        transport: &Transport,
        request: FetchRequest<'_>,
        deadline: Deadline,
        time: Duration,
    ) -> Result<Url, FetchError> {
        let (old, is_lost) = match self.known_now(request) {
            None => {
                let new = self.discover(transport, self.issuer.metadata_urls(), request, deadline).await?;
                return Ok(self.remember(new));
            }
            Some((old, None)) => return Ok(old.url),
            Some((old, Some(is_lost))) => (old, is_lost),
        };
        let places = if is_lost { self.issuer.metadata_urls() } else { vec![old.metadata] };
        let deadline = Deadline::after(time.mul_f64(REREAD_PART));
        let issuer = self.issuer.identifier();
        match self.discover(transport, places, request, deadline).await {
            Ok(new) => {
                if new.url != old.url {
                    let (from, to) = (redact::place(&old.url), redact::place(&new.url));
                    log_move(self.member, issuer, &from, &to);
                }
                Ok(self.remember(Known { reread_at: old.reread_at, ..new }))
            }
            Err(error) => {
                tracing::warn!(issuer, %error, "the issuer's metadata could not be read again");
                Ok(old.url)
            }
        }
    }

    /// Whether the metadata was ever read.
    #[cfg(feature = "introspection")]
    pub(crate) fn is_known(&self) -> bool {
        self.known().is_some()
    }

    /// A request to this URL succeeded.
    pub(crate) fn on_succeeded(&self, url: &Url) {
        self.count(url, |failures| *failures = 0);
    }

    /// A request to this URL failed.
    pub(crate) fn on_failed(&self, url: &Url) {
        self.count(url, |failures| *failures = failures.saturating_add(1));
    }

    /// What is known. If the metadata is to be read again, also whether that is because requests have failed. Then the reading counts
    /// as made: if it fails, there is none for a while, and there is never more than one.
    fn known_now(&self, request: FetchRequest<'_>) -> Option<(Known, Option<bool>)> {
        let mut known = self.known();
        let known = known.as_mut()?;
        let is_lost = known.is_to_be_read_again(request);
        if is_lost.is_some() {
            known.reread_at = Some(request.now);
        }
        Some((known.clone(), is_lost))
    }

    /// RFC 8414 §5: the first location with a usable document counts. All of them are on the issuer's own host, so none is trusted
    /// more than another. If that host cannot answer at one location, the next one is not tried.
    async fn discover(
        &self,
        transport: &Transport,
        places: Vec<Url>,
        request: FetchRequest<'_>,
        deadline: Deadline,
    ) -> Result<Known, FetchError> {
        let mut attempts = Vec::new();
        for metadata in places {
            match self.read_metadata(transport, &metadata, request, deadline).await {
                Ok(url) => return Ok(Known { url, metadata, read_at: request.now, reread_at: None, failures: 0 }),
                Err(error) => {
                    let is_last = !is_an_answer(&error);
                    attempts.push(error);
                    if is_last {
                        break;
                    }
                }
            }
        }
        Err(FetchError::Discovery { attempts: attempts.into() })
    }

    async fn read_metadata(
        &self,
        transport: &Transport,
        url: &Url,
        request: FetchRequest<'_>,
        deadline: Deadline,
    ) -> Result<Url, FetchError> {
        let get = Get { url, held: None, bypass_caches: request.bypass_caches, deadline };
        let place = || redact::place(url);
        match transport.get(get).await? {
            Answer::Document { body, .. } => {
                let named = self.issuer.url_named_by(&body, self.member);
                named.map_err(|reason| FetchError::Metadata { url: place(), reason })
            }
            Answer::NotModified { .. } => Err(FetchError::Status { url: place(), status: StatusCode::NOT_MODIFIED }),
        }
    }

    fn remember(&self, new: Known) -> Url {
        self.known().insert(new).url.clone()
    }

    fn count(&self, url: &Url, change: impl FnOnce(&mut u32)) {
        if let Some(known) = self.known().as_mut().filter(|known| known.url == *url) {
            change(&mut known.failures);
        }
    }

    fn known(&self) -> MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// `None` if the metadata is not to be read again now, else whether that is because requests have failed.
    fn is_to_be_read_again(&self, request: FetchRequest<'_>) -> Option<bool> {
        let since = |at| request.now.saturating_duration_since(at);
        let is_lost = self.failures >= FAILURES_BEFORE_REREAD;
        let is_due = is_lost || request.bypass_caches || since(self.read_at) >= METADATA_LIFETIME;
        let is_allowed = self.reread_at.is_none_or(|at| since(at) >= REREAD_INTERVAL);
        (is_due && is_allowed).then_some(is_lost)
    }
}

/// Whether the issuer answered and is not overloaded, so that the next location is worth a request.
fn is_an_answer(error: &FetchError) -> bool {
    const OVERLOADED: [StatusCode; 2] = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
    match error {
        FetchError::Status { status, .. } => !OVERLOADED.contains(status),
        FetchError::Redirected { .. } | FetchError::TooLarge { .. } | FetchError::Metadata { .. } => true,
        _ => false,
    }
}

fn log_move(member: MetadataUrl, issuer: &str, from: &str, to: &str) {
    match member {
        MetadataUrl::Jwks => tracing::info!(issuer, from, to, "the issuer's keys have moved"),
        #[cfg(feature = "introspection")]
        MetadataUrl::Introspection => tracing::info!(issuer, from, to, "the issuer's introspection endpoint has moved"),
    }
}
