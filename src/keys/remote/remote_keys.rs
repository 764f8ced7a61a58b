//! Keys fetched by HTTP: where they are, and when the metadata is read again.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use url::Url;

use super::issuer_url::IssuerUrl;
use super::persisted_file::PersistedFile;
use super::persisted_set::SourceIdentity;
use super::transport::{Answer, Deadline, Get, Target, Transport};
use crate::jose::JwkSet;
use crate::keys::persistence::RawKeySet;
use crate::keys::{FetchError, FetchFuture, FetchRequest, Fetched, KeySource, Seed, UrlError, fetchable, is_loopback};
use crate::redact;

/// The most that one fetch may take, metadata included.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// The part of it that reading the metadata again may take: the rest is for the keys, whose place is known.
const REREAD_TIMEOUT: Duration = Duration::from_secs(2);
/// How long metadata is used before it is read again, with the refresh that is due then.
const METADATA_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// The number of failed fetches in a row after which the metadata is read again …
const FAILURES_BEFORE_REREAD: u32 = 2;
/// … and the least time between two readings, whatever the reason.
const REREAD_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// Keys behind a URL.
///
/// [`Issuer::discover`](crate::Issuer::discover) and [`Issuer::jwks`](crate::Issuer::jwks) make one with the default client. Make
/// one yourself to fetch with another [client](Self::client):
///
/// ```no_run
/// use tower_bearer::Issuer;
/// use tower_bearer::keys::RemoteKeys;
///
/// let authority = reqwest::Certificate::from_pem(&std::fs::read("/var/run/ca.crt")?)?;
/// let client = reqwest::Client::builder().tls_certs_only([authority]).pool_max_idle_per_host(0).build()?;
/// let keys = RemoteKeys::at("https://10.0.0.1/openid/v1/jwks")?.client(client);
/// let issuer = Issuer::keys("https://kubernetes.default.svc", keys)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Which addresses are connected to
///
/// The addresses of issuers and URLs that the application names are trusted, private networks included. Those that the metadata
/// names are not: a `jwks_uri` that points to this machine, to a link-local address or to the metadata service of a cloud is
/// refused (RFC 8725bis §3.10), also as an IPv6 address with such an IPv4 address embedded. A host name, also that of the issuer, is
/// refused if one of the addresses that it resolves to is such an address. For an issuer on this machine (host `localhost` or a
/// loopback address) both rules are off.
///
/// The default client checks names. With a proxy or a [client](Self::client) of yours, they are not checked here.
///
/// # When metadata is read again
///
/// With the first refresh after an hour, after two failed fetches in a row, and for a token with an unknown `kid`; at most every
/// 5 minutes. A changed `jwks_uri` is followed at once: if the keys cannot be fetched there, the fetch has failed and the old URL is
/// not tried, because the issuer may have left it for a reason. If the metadata cannot be read, the last known `jwks_uri` is used.
pub struct RemoteKeys {
    place: Place,
    transport: Transport,
    pub(super) file: Option<Arc<PersistedFile>>,
}

enum Place {
    /// At a URL that the application named.
    At(Url),
    /// At the `jwks_uri` of the issuer's metadata.
    Discovered { issuer: IssuerUrl, known: Box<Mutex<Option<Known>>> },
}

/// The result of the last reading of the metadata.
#[derive(Clone)]
struct Known {
    jwks: Url,
    metadata: Url,
    read_at: Instant,
    /// When the last attempt to read the metadata again was made.
    reread_at: Option<Instant>,
    /// The number of failed fetches from the URL in a row.
    failures: u32,
}

impl RemoteKeys {
    /// The keys of an issuer whose metadata tells where they are (OpenID Connect Discovery 1.0, RFC 8414).
    ///
    /// The locations of RFC 8414 §5 are tried in order until one gives a document that names the issuer, byte for byte, and a
    /// `jwks_uri` that may be fetched from. An issuer that cannot be reached, or that answers 429 or 503, is not asked for the
    /// next one.
    ///
    /// # Errors
    ///
    /// If `issuer` is not an https URL without query and fragment; http is allowed for this machine alone.
    pub fn discover(issuer: &str) -> Result<Self, UrlError> {
        IssuerUrl::parse(issuer).map(Self::discovered)
    }

    /// The keys of an issuer whose metadata is at the location of OpenID Connect Discovery 1.0 §4.1. No other location is tried.
    ///
    /// This saves requests to an issuer that has only this location, and works with one that does not answer at the locations of
    /// RFC 8414, or answers 429 or 503 there.
    ///
    /// # Errors
    ///
    /// As for [`discover`](Self::discover).
    pub fn discover_openid(issuer: &str) -> Result<Self, UrlError> {
        IssuerUrl::parse(issuer).map(|issuer| Self::discovered(issuer.openid_only()))
    }

    /// The keys at a URL.
    ///
    /// # Errors
    ///
    /// If `jwks_url` is not an https URL; http is allowed for this machine alone.
    pub fn at(jwks_url: &str) -> Result<Self, UrlError> {
        let url = fetchable(jwks_url)?;
        Ok(Self { transport: Transport::new(target(is_loopback(&url))), place: Place::At(url), file: None })
    }

    /// Fetches with this client: with a private root certificate, through a proxy, or with headers of its own.
    ///
    /// The limits on time and size stay, and so does the refusal of an answer from another origin. Which addresses the client
    /// connects to is yours to decide: names are not checked, only what a `jwks_uri` says in its text. If the server is used
    /// from several runtimes, the client must keep no idle connections (`pool_max_idle_per_host(0)`): a connection ends with
    /// the runtime that opened it.
    ///
    /// Default: a client with rustls, the system's root certificates and the system's proxy (none for this machine itself),
    /// 2 seconds to connect, at most 3 redirects within one origin, and the [addresses](Self#which-addresses-are-connected-to)
    /// of other machines.
    #[must_use]
    pub fn client(self, client: reqwest::Client) -> Self {
        Self { transport: self.transport.with_client(client), ..self }
    }

    fn discovered(issuer: IssuerUrl) -> Self {
        let transport = Transport::new(target(issuer.is_loopback()));
        Self { place: Place::Discovered { issuer, known: Box::default() }, transport, file: None }
    }

    /// Which keys these are, for a file of persisted keys.
    pub(super) fn identity(&self) -> SourceIdentity {
        match &self.place {
            Place::At(url) => SourceIdentity::new("jwks", url.as_str()),
            Place::Discovered { issuer, .. } => SourceIdentity::new("issuer", issuer.identifier()),
        }
    }

    async fn fetch_keys(&self, request: FetchRequest<'_>) -> Result<Fetched, FetchError> {
        let deadline = Deadline::after(FETCH_TIMEOUT);
        let (issuer, known) = match &self.place {
            Place::At(url) => return self.fetch_from(url, request, deadline).await,
            Place::Discovered { issuer, known } => (issuer, known),
        };
        let place = self.locate(issuer, known, request, deadline).await?;
        // Counted before the fetch, because a fetch that takes too long is dropped.
        remember(known, Known { failures: place.failures + 1, ..place.clone() });
        let fetched = self.fetch_from(&place.jwks, request, deadline).await?;
        remember(known, Known { failures: 0, ..place });
        Ok(fetched)
    }

    /// Returns where the keys are: as known, or as the metadata says now.
    async fn locate(
        &self,
        issuer: &IssuerUrl,
        known: &Mutex<Option<Known>>,
        request: FetchRequest<'_>,
        deadline: Deadline,
    ) -> Result<Known, FetchError> {
        let Some(old) = known.lock().unwrap_or_else(PoisonError::into_inner).clone() else {
            return self.discover_keys(issuer, issuer.metadata_urls(), request, deadline).await;
        };
        let Some(is_lost) = old.is_to_be_read_again(request) else { return Ok(old) };
        let old = Known { reread_at: Some(request.now), ..old };
        // Also after a failure the metadata is not read again for a while.
        remember(known, old.clone());
        let places = if is_lost { issuer.metadata_urls() } else { vec![old.metadata.clone()] };
        match self.discover_keys(issuer, places, request, Deadline::after(REREAD_TIMEOUT)).await {
            Ok(new) => {
                if new.jwks != old.jwks {
                    let (from, to) = (redact::place(&old.jwks), redact::place(&new.jwks));
                    tracing::info!(issuer = issuer.identifier(), from, to, "the issuer's keys have moved");
                }
                Ok(Known { reread_at: old.reread_at, ..new })
            }
            Err(error) => {
                tracing::warn!(issuer = issuer.identifier(), %error, "the issuer's metadata could not be read again");
                Ok(old)
            }
        }
    }

    /// RFC 8414 §5: the first location with a usable document counts. All of them are on the issuer's own host, so none is trusted
    /// more than another. If that host cannot answer at one location, the next one is not tried.
    async fn discover_keys(
        &self,
        issuer: &IssuerUrl,
        places: Vec<Url>,
        request: FetchRequest<'_>,
        deadline: Deadline,
    ) -> Result<Known, FetchError> {
        let mut attempts = Vec::new();
        for metadata in places {
            match self.read_metadata(issuer, &metadata, request, deadline).await {
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
        issuer: &IssuerUrl,
        url: &Url,
        request: FetchRequest<'_>,
        deadline: Deadline,
    ) -> Result<Url, FetchError> {
        let get = Get { url, held: None, bypass_caches: request.bypass_caches, deadline };
        let place = || redact::place(url);
        match self.transport.get(get).await? {
            Answer::Document { body, .. } => {
                issuer.jwks_url(&body).map_err(|reason| FetchError::Metadata { url: place(), reason })
            }
            Answer::NotModified { .. } => Err(FetchError::Status { url: place(), status: StatusCode::NOT_MODIFIED }),
        }
    }

    async fn fetch_from(
        &self,
        url: &Url,
        request: FetchRequest<'_>,
        deadline: Deadline,
    ) -> Result<Fetched, FetchError> {
        let held = request.validators.filter(|held| held.url == *url);
        let get = Get { url, held, bypass_caches: request.bypass_caches, deadline };
        let (fetched, freshness) = match self.transport.get(get).await? {
            Answer::NotModified { freshness } => (Fetched::unchanged(), freshness),
            Answer::Document { body, freshness, validators } => {
                let keys = JwkSet::from_json(&body)
                    .map_err(|reason| FetchError::Keys { place: Some(redact::place(url)), reason })?;
                let document = Some(RawKeySet(body.into()));
                (Fetched { validators, document, ..Fetched::keys(keys) }, freshness)
            }
        };
        Ok(Fetched { lifetime: freshness.lifetime, age: freshness.age, ..fetched })
    }
}

impl KeySource for RemoteKeys {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> FetchFuture<'a> {
        Box::pin(async move {
            let fetched = self.fetch_keys(request).await?;
            let persistence = self.file.clone().map(|file| file as _);
            Ok(Fetched { persistence, ..fetched })
        })
    }

    fn seed(&self) -> Option<Seed> {
        self.file.as_ref()?.seed()
    }
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut keys = f.debug_struct("RemoteKeys");
        match &self.place {
            Place::At(url) => keys.field("jwks", &redact::place(url)),
            Place::Discovered { issuer, .. } => {
                let places: Vec<_> = issuer.metadata_urls().iter().map(redact::place).collect();
                keys.field("metadata", &places)
            }
        };
        if let Some(file) = &self.file {
            keys.field("persisted", file);
        }
        keys.finish_non_exhaustive()
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

fn remember(known: &Mutex<Option<Known>>, place: Known) {
    *known.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
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

fn target(is_on_this_machine: bool) -> Target {
    if is_on_this_machine { Target::ThisMachine } else { Target::Elsewhere }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::super::transport::tests::site;
    use super::*;
    use crate::clock::{Clock, SystemClock};
    use crate::keys::Validators;

    /// An answer that the document there is unchanged would say nothing about the one that is held.
    #[tokio::test]
    async fn what_came_with_a_document_is_shown_to_its_own_url_alone() {
        for (path, is_shown) in [("/jwks", true), ("/other", false)] {
            let (url, asked) = site("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"keys\":[]}");
            let etag = Some(HeaderValue::from_static("\"a\""));
            let held = Validators { url: url.join(path).unwrap(), etag, last_modified: None };
            let request = FetchRequest { validators: Some(&held), ..FetchRequest::new(SystemClock.monotonic()) };
            drop(RemoteKeys::at(url.as_str()).unwrap().fetch(request).await);
            assert_eq!(asked.join().unwrap().contains("if-none-match"), is_shown, "{path}");
        }
    }
}
