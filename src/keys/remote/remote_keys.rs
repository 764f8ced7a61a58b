//! Keys fetched by HTTP.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use url::Url;

use super::discovered_url::DiscoveredUrl;
#[cfg(feature = "tenants")]
use super::issuer_url::local;
use super::issuer_url::{IssuerUrl, MetadataUrl, is_plain};
use super::persisted_file::PersistedFile;
use super::persisted_set::SourceIdentity;
use super::timeouts::{InvalidTimeouts, Timeouts};
use super::transport::{Answer, Deadline, Get, Target, Transport};
use crate::jose::JwkSet;
use crate::keys::persistence::RawKeySet;
use crate::keys::{Encryption, FetchError, FetchFuture, FetchRequest, Fetched, KeySource, Seed, UrlError, fetchable};
use crate::redact;

/// How much later the store drops a fetch, so that the error names the URL.
const TIME_TO_REPORT: Duration = Duration::from_millis(500);

/// Keys that are fetched from a URL.
///
/// [`Issuer::discover`](crate::Issuer::discover) and [`Issuer::jwks`](crate::Issuer::jwks) create one with the default client. Create
/// one yourself to use another [client](Self::client):
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
/// Issuers and URLs that the application names may be at any address, including private networks. A URL that the metadata names may not:
/// a `jwks_uri` that points to this machine, to a link-local address or to a cloud's metadata service is refused (RFC 8725bis §3.10),
/// including in the form of an IPv6 address that embeds such an IPv4 address. A host name, including the issuer's, is refused if any address
/// that it resolves to is such an address. For an issuer on this machine (host `localhost` or a loopback address), both rules are off.
///
/// The default client checks names. With a proxy or your own [client](Self::client), they are not checked here.
///
/// # When metadata is read again
///
/// Metadata is read again with the first refresh after an hour, after two failed fetches in a row, and for a token with an unknown
/// `kid`, but at most every 5 minutes. A changed `jwks_uri` is used immediately. If the keys cannot be fetched from it, the fetch fails;
/// the old URL is not tried, because the issuer may have left it for a reason. If the metadata cannot be read, the last known `jwks_uri`
/// is used.
///
/// # Plain http
///
/// A URL must be https. Plain http is allowed only for this machine, because anyone on the network path can replace keys sent in plain text
/// (RFC 8414 §2). In a network that you trust, such as a cluster or Docker Compose, use [`insecure_http_at`](Self::insecure_http_at),
/// [`insecure_http_discover`](Self::insecure_http_discover) or [`Issuer::insecure_http`](crate::Issuer::insecure_http). The first fetch
/// then logs a warning. The default client never sends a plain http request through a proxy. A document fetched over https never leads
/// to plain http.
pub struct RemoteKeys {
    place: Place,
    transport: Transport,
    fetch_timeout: Duration,
    /// Whether plain http from another machine was allowed for these keys. Otherwise their issuer has to allow it.
    allows_plain_http: bool,
    /// Whether the warning about plain http is still to be logged.
    warns: AtomicBool,
    pub(super) file: Option<Arc<PersistedFile>>,
}

enum Place {
    /// At a URL that the application named.
    At(Url),
    /// At the `jwks_uri` of the issuer's metadata.
    Discovered(Box<DiscoveredUrl>),
}

impl RemoteKeys {
    /// The keys of an issuer whose metadata names their location (OpenID Connect Discovery 1.0, RFC 8414).
    ///
    /// The locations of RFC 8414 §5 are tried in order until one returns a document that names the issuer, byte for byte, and an
    /// acceptable `jwks_uri`. If the issuer cannot be reached, or answers 429 or 503, the remaining locations are not tried.
    ///
    /// # Errors
    ///
    /// If `issuer` is not an https URL without a query or a fragment; http is allowed only for this machine.
    pub fn discover(issuer: &str) -> Result<Self, UrlError> {
        Self::discovered(issuer, Encryption::Required)
    }

    /// Like [`discover`](Self::discover), but also over plain http: anyone on the network path can replace the keys, and then forge
    /// tokens.
    ///
    /// # Errors
    ///
    /// If `issuer` is neither an https nor an http URL, or has a query or a fragment.
    pub fn insecure_http_discover(issuer: &str) -> Result<Self, UrlError> {
        Self::discovered(issuer, Encryption::Optional).map(Self::with_plain_http)
    }

    /// The keys of an issuer whose metadata is at the location of OpenID Connect Discovery 1.0 §4.1. No other location is tried.
    ///
    /// This saves requests to an issuer that has only this location, and works with an issuer that does not answer at the locations of
    /// RFC 8414, or answers 429 or 503 there.
    ///
    /// # Errors
    ///
    /// Same as for [`discover`](Self::discover).
    pub fn discover_openid(issuer: &str) -> Result<Self, UrlError> {
        Self::discovered_openid(issuer, Encryption::Required)
    }

    /// The keys at a URL.
    ///
    /// # Errors
    ///
    /// If `jwks_url` is not an https URL; http is allowed only for this machine.
    pub fn at(jwks_url: &str) -> Result<Self, UrlError> {
        Self::at_url(jwks_url, Encryption::Required)
    }

    /// Like [`at`](Self::at), but also over plain http: anyone on the network path can replace the keys, and then forge tokens.
    ///
    /// # Errors
    ///
    /// If `jwks_url` is neither an https nor an http URL.
    pub fn insecure_http_at(jwks_url: &str) -> Result<Self, UrlError> {
        Self::at_url(jwks_url, Encryption::Optional).map(Self::with_plain_http)
    }

    /// Sets the HTTP client to fetch with, for example with a private root certificate, a proxy, or additional headers.
    ///
    /// The limits on time and size still apply, and answers from another origin are still refused. You decide which addresses the client
    /// connects to: host names are not resolved for the check, so only an address that is written in a `jwks_uri` is checked. If the
    /// server is used from several runtimes, the client must not keep idle connections (`pool_max_idle_per_host(0)`), because a
    /// connection ends with the runtime that opened it.
    ///
    /// Default: a client with rustls, the system's root certificates and the proxy of the environment (but none for this machine), 2 seconds
    /// to connect, at most 3 redirects within one origin, and [checked addresses](Self#which-addresses-are-connected-to).
    #[must_use]
    pub fn client(self, client: reqwest::Client) -> Self {
        Self { transport: self.transport.with_client(client), ..self }
    }

    /// Sets how long connecting may take, and how long a fetch may take in total, metadata included.
    ///
    /// `total` is between 100 ms and 9 s, and `connect` is more than zero and at most `total`. Your own [client](Self::client) has its
    /// own limit for connecting. A request waits at most 6 seconds for a fetch. If the fetch takes longer, the request gets 503, and the
    /// keys are used for later requests.
    ///
    /// Default: 2 seconds to connect, and 5 seconds in total.
    ///
    /// # Errors
    ///
    /// If a timeout is out of range.
    pub fn timeouts(self, connect: Duration, total: Duration) -> Result<Self, InvalidTimeouts> {
        Timeouts::new(connect, total)?;
        Ok(Self { transport: self.transport.with_connect_timeout(connect), fetch_timeout: total, ..self })
    }

    pub(crate) fn at_url(jwks_url: &str, encryption: Encryption) -> Result<Self, UrlError> {
        let url = fetchable(jwks_url, encryption)?;
        Ok(Self::new(Target::of(&url), Place::At(url)))
    }

    pub(crate) fn discovered(issuer: &str, encryption: Encryption) -> Result<Self, UrlError> {
        IssuerUrl::parse(issuer, encryption).map(Self::of_issuer)
    }

    pub(crate) fn discovered_openid(issuer: &str, encryption: Encryption) -> Result<Self, UrlError> {
        IssuerUrl::parse(issuer, encryption).map(|issuer| Self::of_issuer(issuer.openid_only()))
    }

    fn of_issuer(issuer: IssuerUrl) -> Self {
        Self::new(Target::of(issuer.url()), Place::Discovered(Box::new(DiscoveredUrl::new(issuer, MetadataUrl::Jwks))))
    }

    fn new(target: Target, place: Place) -> Self {
        Self {
            place,
            transport: Transport::new(target),
            fetch_timeout: Timeouts::default().total(),
            allows_plain_http: false,
            warns: AtomicBool::new(true),
            file: None,
        }
    }

    fn with_plain_http(self) -> Self {
        Self { allows_plain_http: true, ..self }
    }

    /// The URL that would be fetched from over plain http from another machine, if that was not allowed for these keys.
    pub(crate) fn plain_http(&self) -> Option<&Url> {
        self.plain_url().filter(|_| !self.allows_plain_http)
    }

    /// What the URL that is fetched from points to, if that is this machine or its link. Names of other hosts are checked when they are
    /// resolved.
    #[cfg(feature = "tenants")]
    pub(crate) fn local_address(&self) -> Option<UrlError> {
        local(self.url())
    }

    /// Whether both fetch the same keys in the same way, and persist them in the same file.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let same_place = match (&self.place, &other.place) {
            (Place::At(one), Place::At(other)) => one == other,
            (Place::Discovered(one), Place::Discovered(other)) => one.is_like(other),
            _ => false,
        };
        same_place
            && self.transport.is_like(&other.transport)
            && self.fetch_timeout == other.fetch_timeout
            && self.allows_plain_http == other.allows_plain_http
            && self.persisted_at() == other.persisted_at()
    }

    /// Which keys these are, for a file of persisted keys.
    pub(super) fn identity(&self) -> SourceIdentity {
        match &self.place {
            Place::At(url) => SourceIdentity::new("jwks", url.as_str()),
            Place::Discovered(location) => SourceIdentity::new("issuer", location.issuer().identifier()),
        }
    }

    async fn fetch_keys(&self, request: FetchRequest<'_>) -> Result<Fetched, FetchError> {
        self.warn_of_plain_http();
        let deadline = Deadline::after(self.fetch_timeout);
        match &self.place {
            Place::At(url) => self.fetch_from(url, request, deadline).await,
            Place::Discovered(location) => {
                let url = location.locate(&self.transport, request, deadline, self.fetch_timeout).await?;
                // A fetch that takes too long is dropped. So it counts as failed until it has succeeded.
                location.on_failed(&url);
                let fetched = self.fetch_from(&url, request, deadline).await?;
                location.on_succeeded(&url);
                Ok(fetched)
            }
        }
    }

    fn warn_of_plain_http(&self) {
        let Some(url) = self.plain_url() else { return };
        if self.warns.swap(false, Ordering::Relaxed) {
            let url = redact::place(url);
            tracing::warn!(
                url,
                "the issuer's keys are fetched over plain http, where anyone on the path can replace them"
            );
        }
    }

    fn plain_url(&self) -> Option<&Url> {
        Some(self.url()).filter(|url| is_plain(url))
    }

    /// The URL that the application named.
    fn url(&self) -> &Url {
        match &self.place {
            Place::At(url) => url,
            Place::Discovered(location) => location.issuer().url(),
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

    fn time_limit(&self) -> Duration {
        self.fetch_timeout + TIME_TO_REPORT
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
            Place::Discovered(location) => {
                let places: Vec<_> = location.issuer().metadata_urls().iter().map(redact::place).collect();
                keys.field("metadata", &places)
            }
        };
        if let Some(file) = &self.file {
            keys.field("persisted", file);
        }
        keys.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, StatusCode};

    use super::super::transport::tests::site;
    use super::*;
    use crate::clock::{Clock, SystemClock};
    use crate::keys::Validators;

    #[test]
    fn keys_are_like_those_that_are_fetched_in_the_same_way_from_the_same_place() {
        let seconds = Duration::from_secs;
        let limited = |keys: Result<RemoteKeys, _>| keys.unwrap().timeouts(seconds(1), seconds(4)).unwrap();
        let issuer = "https://login.example.com";
        let keys = || limited(RemoteKeys::discover(issuer));
        assert!(keys().is_like(&keys()));
        for other in [
            limited(RemoteKeys::discover("https://other.example.com")),
            limited(RemoteKeys::discover_openid(issuer)),
            limited(RemoteKeys::at(issuer)),
            keys().timeouts(seconds(2), seconds(4)).unwrap(),
            keys().timeouts(seconds(1), seconds(5)).unwrap(),
            keys().client(reqwest::Client::new()),
        ] {
            assert!(!keys().is_like(&other) && !other.is_like(&keys()), "{other:?}");
        }
    }

    /// There is no document that could be unchanged.
    #[tokio::test]
    async fn the_first_answer_may_not_be_304() {
        let (url, asked) = site("HTTP/1.1 304 Not Modified\r\ncontent-length: 0\r\n\r\n");
        let keys = RemoteKeys::at(url.as_str()).unwrap();
        let answer = keys.fetch(FetchRequest::new(SystemClock.monotonic())).await;
        assert!(matches!(answer, Err(FetchError::Status { status: StatusCode::NOT_MODIFIED, .. })), "{answer:?}");
        asked.join().unwrap();
    }

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
