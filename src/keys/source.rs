//! The only file that opens sockets.

use std::error::Error;
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use http::header::{AGE, CACHE_CONTROL, DATE, ETAG, EXPIRES, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use http::{HeaderMap, HeaderName, StatusCode};
use reqwest::redirect;
use url::Url;

use super::discovery::{DiscoveryError, IssuerUrl, UrlError, fetchable, is_loopback};
use super::fetch::{FetchError, FetchFuture, FetchRequest, Fetched, KeySource, Validators};
use crate::jose::JwkSet;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The most octets a document may have.
pub(super) const MAX_DOCUMENT: usize = 256 * 1024;
/// The most redirects that are followed, all within one origin.
const MAX_REDIRECTS: usize = 3;
/// How often in a row the keys may fail to arrive before the issuer is asked again where they are …
const FAILURES_BEFORE_REDISCOVERY: u32 = 2;
/// … and how often it may be asked.
const REDISCOVERY_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// Keys behind a URL.
///
/// [`Issuer::discover`](crate::Issuer::discover) and [`Issuer::jwks`](crate::Issuer::jwks) make one with a client of their
/// own. Make it yourself to fetch with another [client](Self::client):
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
pub struct RemoteKeys {
    place: Place,
    client: OnceLock<reqwest::Client>,
}

enum Place {
    /// Known beforehand.
    At(Url),
    /// To be asked of the issuer.
    Discovered { issuer: IssuerUrl, found: Mutex<Option<Found>> },
}

#[derive(Clone)]
struct Found {
    url: Url,
    /// When the issuer was last asked again.
    asked_again: Option<Instant>,
    /// How often in a row there were no keys at the URL.
    failures: u32,
}

impl RemoteKeys {
    /// The keys of an issuer whose metadata tells where they are (OpenID Connect Discovery 1.0, RFC 8414).
    ///
    /// # Errors
    ///
    /// If `issuer` is not an https URL without query and fragment; http is allowed for this machine alone.
    pub fn discover(issuer: &str) -> Result<Self, UrlError> {
        let issuer = IssuerUrl::parse(issuer)?;
        Ok(Self::new(Place::Discovered { issuer, found: Mutex::new(None) }))
    }

    /// The keys of an issuer whose metadata is where OpenID Connect Discovery 1.0 §4.1 puts it, and is looked for nowhere
    /// else: for one that answers neither 200 nor 404 at the places of RFC 8414.
    ///
    /// # Errors
    ///
    /// As for [`discover`](Self::discover).
    pub fn discover_openid(issuer: &str) -> Result<Self, UrlError> {
        let issuer = IssuerUrl::parse(issuer)?.openid_only();
        Ok(Self::new(Place::Discovered { issuer, found: Mutex::new(None) }))
    }

    /// The keys at a URL.
    ///
    /// # Errors
    ///
    /// If `jwks_url` is not an https URL; http is allowed for this machine alone.
    pub fn at(jwks_url: &str) -> Result<Self, UrlError> {
        fetchable(jwks_url).map(|url| Self::new(Place::At(url)))
    }

    /// Fetches with this client: with a private root certificate, through a proxy, or with headers of its own.
    ///
    /// The limits on time and size stay, and so does the refusal of an answer from another origin. If the server is used
    /// from several runtimes, the client must keep no idle connections (`pool_max_idle_per_host(0)`): a connection ends with
    /// the runtime that opened it.
    ///
    /// Default: a client with rustls, the system's root certificates and the system's proxy (none for this machine itself),
    /// 2 seconds to connect, and at most 3 redirects within one origin.
    #[must_use]
    pub fn client(self, client: reqwest::Client) -> Self {
        Self { client: OnceLock::from(client), ..self }
    }

    fn new(place: Place) -> Self {
        Self { place, client: OnceLock::new() }
    }

    async fn fetch_keys(&self, request: FetchRequest<'_>) -> Result<Fetched, FetchError> {
        let (issuer, found) = match &self.place {
            Place::At(url) => return self.fetch_from(url, request.validators).await,
            Place::Discovered { issuer, found } => (issuer, found),
        };
        let remember = |place: Found| *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
        let known = found.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let place = match known {
            Some(known) if !known.is_in_doubt(request.now) => known,
            known => {
                let is_again = known.is_some();
                if let Some(known) = known {
                    // Whatever the issuer says, it is not asked again for a while.
                    remember(Found { asked_again: Some(request.now), ..known });
                }
                let asked_again = is_again.then_some(request.now);
                Found { url: self.ask(issuer).await?, asked_again, failures: 0 }
            }
        };
        // Counted before it happens, because a fetch that takes too long is not told of its end.
        remember(Found { failures: place.failures + 1, ..place.clone() });
        let fetched = self.fetch_from(&place.url, request.validators).await?;
        remember(Found { failures: 0, ..place });
        Ok(fetched)
    }

    /// RFC 8414 §5: the next place is tried only when there is nothing at this one. A failing or lying document must not
    /// lead on to one that an attacker may have put elsewhere.
    async fn ask(&self, issuer: &IssuerUrl) -> Result<Url, FetchError> {
        for url in issuer.metadata_urls() {
            match self.get(&url, None).await {
                Ok(Answer::Document { body, .. }) => return issuer.jwks_url(&body).map_err(FetchError::Discovery),
                Ok(Answer::NotModified { .. }) => return Err(status(&url, StatusCode::NOT_MODIFIED)),
                Err(FetchError::Status { status: StatusCode::NOT_FOUND | StatusCode::GONE, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(FetchError::Discovery(DiscoveryError::NotFound))
    }

    async fn fetch_from(&self, url: &Url, held: Option<&Validators>) -> Result<Fetched, FetchError> {
        Ok(match self.get(url, held.filter(|held| held.url == *url)).await? {
            Answer::NotModified { lifetime } => Fetched { lifetime, ..Fetched::unchanged() },
            Answer::Document { body, lifetime, validators } => {
                Fetched { lifetime, validators, ..Fetched::keys(JwkSet::from_json(&body)?) }
            }
        })
    }

    async fn get(&self, url: &Url, held: Option<&Validators>) -> Result<Answer, FetchError> {
        let failed = |error: reqwest::Error| {
            let reason = describe(&error.without_url());
            FetchError::Request { url: url.as_str().into(), reason }
        };
        let mut request = self.http_client()?.get(url.clone());
        if let Some(held) = held {
            request = request.headers(held.conditions());
        }
        let mut response = request.send().await.map_err(failed)?;
        if response.url().origin() != url.origin() {
            return Err(FetchError::Redirected { url: url.as_str().into() });
        }
        let lifetime = lifetime(response.headers());
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if held.is_some() => return Ok(Answer::NotModified { lifetime }),
            other => return Err(status(url, other)),
        }
        let validators = Validators::of(url, response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MAX_DOCUMENT {
                return Err(FetchError::TooLarge { url: url.as_str().into() });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer::Document { body, lifetime, validators })
    }

    /// Made at the first fetch, because building a server does no I/O and the root certificates are files; and made anew at
    /// the next if those were not there yet.
    fn http_client(&self) -> Result<&reqwest::Client, FetchError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = default_client(self.is_loopback());
        let client = client.map_err(|error| FetchError::Client { reason: describe(&error) })?;
        Ok(self.client.get_or_init(|| client))
    }

    fn is_loopback(&self) -> bool {
        match &self.place {
            Place::At(url) => is_loopback(url),
            Place::Discovered { issuer, .. } => issuer.is_loopback(),
        }
    }
}

impl KeySource for RemoteKeys {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> FetchFuture<'a> {
        Box::pin(self.fetch_keys(request))
    }
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls = |urls: Vec<Url>| urls.into_iter().map(String::from).collect::<Vec<_>>();
        let mut keys = f.debug_struct("RemoteKeys");
        match &self.place {
            Place::At(url) => keys.field("jwks", &url.as_str()),
            Place::Discovered { issuer, .. } => keys.field("metadata", &urls(issuer.metadata_urls())),
        }
        .finish_non_exhaustive()
    }
}

impl Found {
    fn is_in_doubt(&self, now: Instant) -> bool {
        self.failures >= FAILURES_BEFORE_REDISCOVERY
            && self.asked_again.is_none_or(|at| now.saturating_duration_since(at) >= REDISCOVERY_INTERVAL)
    }
}

enum Answer {
    Document { body: Vec<u8>, lifetime: Option<Duration>, validators: Option<Validators> },
    NotModified { lifetime: Option<Duration> },
}

impl Validators {
    fn of(url: &Url, headers: &HeaderMap) -> Option<Self> {
        let (etag, last_modified) = (headers.get(ETAG).cloned(), headers.get(LAST_MODIFIED).cloned());
        (etag.is_some() || last_modified.is_some()).then(|| Self { url: url.clone(), etag, last_modified })
    }

    fn conditions(&self) -> HeaderMap {
        let conditions = [(IF_NONE_MATCH, &self.etag), (IF_MODIFIED_SINCE, &self.last_modified)];
        conditions.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
    }
}

fn default_client(loopback: bool) -> reqwest::Result<reqwest::Client> {
    let client = reqwest::Client::builder()
        .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(redirect::Policy::custom(follow))
        .referer(false)
        // A connection is served by the runtime that opened it, and that may be gone at the next fetch.
        .pool_max_idle_per_host(0);
    // Plain http is for this machine alone, so it must not go to a proxy.
    if loopback { client.no_proxy() } else { client }.build()
}

/// RFC 8725bis §3.10: within the origin, or not at all.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let same_origin = attempt.previous().last().is_some_and(|previous| previous.origin() == attempt.url().origin());
    if same_origin && attempt.previous().len() <= MAX_REDIRECTS { attempt.follow() } else { attempt.stop() }
}

/// How long a document is fresh from now on, if the answer says so (RFC 9111 §4.2).
fn lifetime(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let lines = headers.get_all(CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    let directives = lines.collect::<Vec<_>>().join(",");
    if has_directive(&directives, "no-store") || has_directive(&directives, "no-cache") {
        return Some(Duration::ZERO);
    }
    // RFC 9111 §5.3: max-age overrides Expires.
    let stated = max_age(&directives).or_else(|| text(EXPIRES).map(|end| time_between(text(DATE), end)))?;
    let spent = text(AGE).and_then(|age| age.trim().parse().ok()).map_or(Duration::ZERO, Duration::from_secs);
    Some(stated.saturating_sub(spent))
}

/// RFC 9111 §5.3: a date that is none lies in the past.
fn time_between(date: Option<&str>, expires: &str) -> Duration {
    let between = |date: &str| {
        let (date, expires) = (httpdate::parse_http_date(date).ok()?, httpdate::parse_http_date(expires).ok()?);
        expires.duration_since(date).ok()
    };
    date.and_then(between).unwrap_or_default()
}

fn has_directive(cache_control: &str, name: &str) -> bool {
    cache_control.split(',').any(|directive| directive.trim().eq_ignore_ascii_case(name))
}

/// RFC 9111 §5.2.2.1; what is too large to represent is very large (§1.2.2).
fn max_age(cache_control: &str) -> Option<Duration> {
    cache_control.split(',').find_map(|directive| {
        let (name, seconds) = directive.split_once('=')?;
        let seconds = name.trim().eq_ignore_ascii_case("max-age").then(|| seconds.trim().trim_matches('"'))?;
        let is_number = !seconds.is_empty() && seconds.bytes().all(|octet| octet.is_ascii_digit());
        is_number.then(|| Duration::from_secs(seconds.parse().unwrap_or(u32::MAX.into())))
    })
}

fn status(url: &Url, status: StatusCode) -> FetchError {
    FetchError::Status { url: url.as_str().into(), status }
}

/// An error with all its sources: reqwest's own text leaves out what happened.
fn describe(error: &dyn Error) -> Box<str> {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn seconds(headers: &[(HeaderName, &str)]) -> Option<u64> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, HeaderValue::from_str(value).unwrap());
        }
        lifetime(&map).map(|lifetime| lifetime.as_secs())
    }

    #[test]
    fn i7_how_long_an_answer_is_fresh() {
        let cache_control = |value| seconds(&[(CACHE_CONTROL, value)]);
        assert_eq!(cache_control("max-age=300"), Some(300));
        assert_eq!(cache_control("public, Max-Age = \"60\" , must-revalidate"), Some(60));
        assert_eq!(cache_control("max-age=99999999999999999999"), Some(u32::MAX.into()));
        assert_eq!(cache_control("no-store"), Some(0));
        assert_eq!(seconds(&[(CACHE_CONTROL, "max-age=300"), (CACHE_CONTROL, "no-store")]), Some(0));
        assert_eq!(cache_control("max-age=300, No-Cache"), Some(0));
        for none in ["", "max-age", "max-age=", "max-age=-1", "max-age=x", "s-maxage=5", "x-max-age=5"] {
            assert_eq!(cache_control(none), None, "{none}");
        }
        let (date, later) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:59:37 GMT");
        assert_eq!(seconds(&[(DATE, date), (EXPIRES, later)]), Some(600));
        assert_eq!(seconds(&[(DATE, later), (EXPIRES, date)]), Some(0), "already past");
        assert_eq!(seconds(&[(DATE, date), (EXPIRES, "0")]), Some(0), "RFC 9111 §5.3: invalid is past");
        assert_eq!(seconds(&[(DATE, date), (EXPIRES, later), (CACHE_CONTROL, "max-age=5")]), Some(5));
        assert_eq!(seconds(&[(CACHE_CONTROL, "max-age=300"), (AGE, "100")]), Some(200));
        assert_eq!(seconds(&[(CACHE_CONTROL, "max-age=300"), (AGE, "1000")]), Some(0));
        assert_eq!(seconds(&[]), None);
    }
}
