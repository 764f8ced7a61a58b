//! Where the introspection endpoint of an issuer is.

use std::time::Duration;

use tokio::sync::Mutex;
use url::Url;

use super::introspection_error::IntrospectionError;
use crate::clock::{Clock, Moment};
use crate::keys::{BackOff, Deadline, DiscoveredUrl, FetchError, FetchRequest, Transport};

/// The location of an introspection endpoint.
pub(super) enum Location {
    /// At a URL that the application named.
    Given(Url),
    /// At the `introspection_endpoint` of the issuer's metadata (RFC 8414 §2).
    Discovered(Box<Discovery>),
}

pub(super) struct Discovery {
    pub(super) url: DiscoveredUrl,
    pub(super) transport: Transport,
    /// Held by the one request that looks for the endpoint while it is not known. The others wait for what it finds.
    first: Mutex<FailedSearch>,
}

/// The last search for the endpoint, if it failed.
#[derive(Default)]
struct FailedSearch {
    back_off: BackOff,
    error: Option<FetchError>,
}

impl Location {
    pub(super) fn discovered(url: DiscoveredUrl, transport: Transport) -> Self {
        Self::Discovered(Box::new(Discovery { url, transport, first: Mutex::default() }))
    }

    /// The URL that the application named: that of the endpoint, or that of the issuer.
    pub(super) fn configured(&self) -> &Url {
        match self {
            Self::Given(url) => url,
            Self::Discovered(discovery) => discovery.url.issuer().url(),
        }
    }

    /// The endpoint, for a request that may take `time` in all and has to end at `deadline`.
    pub(super) async fn locate(
        &self,
        clock: &dyn Clock,
        deadline: Deadline,
        time: Duration,
    ) -> Result<Url, IntrospectionError> {
        match self {
            Self::Given(url) => Ok(url.clone()),
            Self::Discovered(discovery) => discovery.locate(clock, deadline, time).await,
        }
    }

    /// Whether both lead to the endpoint in the same way.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Given(one), Self::Given(other)) => one == other,
            (Self::Discovered(one), Self::Discovered(other)) => {
                one.url.is_like(&other.url) && one.transport.is_like(&other.transport)
            }
            _ => false,
        }
    }

    /// What came of a request to this URL. After two failures in a row the metadata is read again.
    pub(super) fn report(&self, url: &Url, succeeded: bool) {
        match self {
            Self::Discovered(discovery) if succeeded => discovery.url.on_succeeded(url),
            Self::Discovered(discovery) => discovery.url.on_failed(url),
            Self::Given(_) => {}
        }
    }
}

impl Discovery {
    async fn locate(&self, clock: &dyn Clock, deadline: Deadline, time: Duration) -> Result<Url, IntrospectionError> {
        let locate = || self.url.locate(&self.transport, FetchRequest::new(clock.monotonic()), deadline, time);
        let failed = |reason, retry_after| IntrospectionError::Discovery { reason, retry_after };
        if self.url.is_known() {
            return locate().await.map_err(|reason| failed(reason, Duration::ZERO));
        }
        let mut search = self.first.lock().await;
        let remaining = search.back_off.remaining(Moment::of(clock));
        if let (Some(error), false) = (&search.error, remaining.is_zero()) {
            return Err(failed(error.clone(), remaining));
        }
        let located = locate().await;
        match located {
            Ok(_) => *search = FailedSearch::default(),
            Err(ref error) => {
                // The search took its time.
                search.back_off.on_failed(Moment::of(clock), &mut fastrand::Rng::new());
                search.error = Some(error.clone());
            }
        }
        let remaining = search.back_off.remaining(Moment::of(clock));
        located.map_err(|reason| failed(reason, remaining))
    }
}
