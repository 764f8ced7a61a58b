//! Where the keys of an issuer are, as its metadata says, and when the metadata is read again.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use url::Url;

use super::issuer_url::IssuerUrl;
use super::transport::{Answer, Deadline, Get, Transport};
use crate::keys::{FetchError, FetchRequest};
use crate::redact;

/// The part of a fetch's time that reading the metadata again may take: the rest is for the keys, whose location is known.
const REREAD_PART: f64 = 0.4;
/// How long metadata is used before it is read again, with the refresh that is due then.
const METADATA_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// The number of failed fetches in a row after which the metadata is read again …
const FAILURES_BEFORE_REREAD: u32 = 2;
/// … and the least time between two readings, whatever the reason.
const REREAD_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// The location of the keys of one issuer: its `jwks_uri`.
pub(super) struct KeyLocation {
    issuer: IssuerUrl,
    known: Mutex<Option<Known>>,
}

/// The result of the last reading of the metadata.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) jwks: Url,
    metadata: Url,
    read_at: Instant,
    /// When the last attempt to read the metadata again was made.
    reread_at: Option<Instant>,
    /// The number of failed fetches from the URL in a row.
    failures: u32,
}

impl KeyLocation {
    pub(super) fn of(issuer: IssuerUrl) -> Self {
        Self { issuer, known: Mutex::default() }
    }

    pub(super) fn issuer(&self) -> &IssuerUrl {
        &self.issuer
    }

    /// Returns where the keys are, as known or as the metadata says now, for a fetch that may take `time` in all. It counts as a
    /// failed one until [it has succeeded](Self::on_fetched), because a fetch that takes too long is dropped.
    pub(super) async fn locate(
        &self,
        transport: &Transport,
        request: FetchRequest<'_>,
        deadline: Deadline,
        time: Duration,
    ) -> Result<Known, FetchError> {
        let now = self.locate_now(transport, request, deadline, time).await?;
        self.remember(Known { failures: now.failures + 1, ..now.clone() });
        Ok(now)
    }

    /// The keys were fetched from this location.
    pub(super) fn on_fetched(&self, from: Known) {
        self.remember(Known { failures: 0, ..from });
    }

    async fn locate_now(
        &self,
        transport: &Transport,
        request: FetchRequest<'_>,
        deadline: Deadline,
        time: Duration,
    ) -> Result<Known, FetchError> {
        let Some(old) = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone() else {
            return self.discover(transport, self.issuer.metadata_urls(), request, deadline).await;
        };
        let Some(is_lost) = old.is_to_be_read_again(request) else { return Ok(old) };
        let old = Known { reread_at: Some(request.now), ..old };
        // Also after a failure the metadata is not read again for a while.
        self.remember(old.clone());
        let places = if is_lost { self.issuer.metadata_urls() } else { vec![old.metadata.clone()] };
        let deadline = Deadline::after(time.mul_f64(REREAD_PART));
        let issuer = self.issuer.identifier();
        match self.discover(transport, places, request, deadline).await {
            Ok(new) => {
                if new.jwks != old.jwks {
                    let (from, to) = (redact::place(&old.jwks), redact::place(&new.jwks));
                    tracing::info!(issuer, from, to, "the issuer's keys have moved");
                }
                Ok(Known { reread_at: old.reread_at, ..new })
            }
            Err(error) => {
                tracing::warn!(issuer, %error, "the issuer's metadata could not be read again");
                Ok(old)
            }
        }
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
                Ok(jwks) => return Ok(Known { jwks, metadata, read_at: request.now, reread_at: None, failures: 0 }),
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
                self.issuer.jwks_url(&body).map_err(|reason| FetchError::Metadata { url: place(), reason })
            }
            Answer::NotModified { .. } => Err(FetchError::Status { url: place(), status: StatusCode::NOT_MODIFIED }),
        }
    }

    fn remember(&self, known: Known) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
    }
}

impl Known {
    /// `None` if the metadata is not to be read again now, else whether that is because fetches have failed.
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
