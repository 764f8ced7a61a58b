//! The only file that opens sockets.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use http::StatusCode;
use http::header::CACHE_CONTROL;
use reqwest::redirect;
use url::Url;

use super::discovery::{DiscoveryError, IssuerUrl, UrlError, fetchable, is_loopback};
use crate::jose::{JwkSet, JwkSetError};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The most octets a document may have.
const MAX_DOCUMENT: usize = 256 * 1024;
/// The most redirects that are followed, all within one origin.
const MAX_REDIRECTS: usize = 3;
/// How often in a row the keys may fail to arrive before the issuer is asked again where they are.
const FAILURES_BEFORE_REDISCOVERY: u32 = 2;

/// Where an issuer's keys are fetched from.
///
/// A set of keys that is known beforehand is itself a source: [`JwkSet`].
pub trait KeySource: Send + Sync + 'static {
    /// Fetches the keys. It is called for one fetch at a time, and given up after 5 seconds.
    fn fetch(&self) -> FetchFuture<'_>;
}

/// What [`KeySource::fetch`] returns.
pub type FetchFuture<'a> = Pin<Box<dyn Future<Output = Result<FetchedKeys, FetchError>> + Send + 'a>>;

/// Keys, and how long their issuer says they are fresh.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FetchedKeys {
    /// The keys.
    pub keys: JwkSet,
    /// How long they are fresh, which is then kept between 1 minute and 1 hour; 10 minutes if the issuer does not say.
    pub lifetime: Option<Duration>,
}

impl FetchedKeys {
    /// Keys whose issuer does not say how long they are fresh.
    #[must_use]
    pub fn new(keys: JwkSet) -> Self {
        Self { keys, lifetime: None }
    }

    /// The same keys, fresh for `lifetime`.
    #[must_use]
    pub fn lifetime(self, lifetime: Duration) -> Self {
        Self { lifetime: Some(lifetime), ..self }
    }
}

impl KeySource for JwkSet {
    fn fetch(&self) -> FetchFuture<'_> {
        Box::pin(std::future::ready(Ok(FetchedKeys::new(self.clone()))))
    }
}

/// Keys behind a URL.
pub(crate) struct Remote {
    place: Place,
    client: OnceLock<Result<reqwest::Client, Box<str>>>,
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
    failures: u32,
}

impl Remote {
    pub(crate) fn discovered(issuer: IssuerUrl) -> Self {
        Self::new(Place::Discovered { issuer, found: Mutex::new(None) })
    }

    pub(crate) fn at(jwks_url: &str) -> Result<Self, UrlError> {
        fetchable(jwks_url).map(|url| Self::new(Place::At(url)))
    }

    fn new(place: Place) -> Self {
        Self { place, client: OnceLock::new() }
    }

    async fn fetch_keys(&self) -> Result<FetchedKeys, FetchError> {
        let (issuer, found) = match &self.place {
            Place::At(url) => return self.fetch_from(url).await,
            Place::Discovered { issuer, found } => (issuer, found),
        };
        let known = found.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let place = match known.filter(|found| found.failures < FAILURES_BEFORE_REDISCOVERY) {
            Some(known) => known,
            None => Found { url: self.discover(issuer).await?, failures: 0 },
        };
        let keys = self.fetch_from(&place.url).await;
        let failures = if keys.is_ok() { 0 } else { place.failures + 1 };
        *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(Found { failures, ..place });
        keys
    }

    /// RFC 8414 §5: the next place is tried only when there is nothing at this one. A failing or lying document must not
    /// lead on to one that an attacker may have put elsewhere.
    async fn discover(&self, issuer: &IssuerUrl) -> Result<Url, FetchError> {
        for url in issuer.metadata_urls() {
            match self.get(&url).await {
                Ok(document) => return issuer.jwks_url(&document.body).map_err(FetchError::Discovery),
                Err(FetchError::Status { status: StatusCode::NOT_FOUND | StatusCode::GONE, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(FetchError::Discovery(DiscoveryError::NotFound))
    }

    async fn fetch_from(&self, url: &Url) -> Result<FetchedKeys, FetchError> {
        let document = self.get(url).await?;
        Ok(FetchedKeys { keys: JwkSet::from_json(&document.body)?, lifetime: document.max_age })
    }

    async fn get(&self, url: &Url) -> Result<Document, FetchError> {
        let failed = |error: reqwest::Error| FetchError::request(url, &error);
        let mut response = self.client()?.get(url.clone()).send().await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status { url: url.as_str().into(), status: response.status() });
        }
        let max_age = response.headers().get(CACHE_CONTROL).and_then(|value| max_age(value.to_str().ok()?));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MAX_DOCUMENT {
                return Err(FetchError::TooLarge { url: url.as_str().into() });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Document { body, max_age })
    }

    /// Made at the first fetch, because building a server does no I/O and the root certificates are files.
    fn client(&self) -> Result<&reqwest::Client, FetchError> {
        let client = self.client.get_or_init(|| client(self.is_loopback()).map_err(|error| describe(&error)));
        client.as_ref().map_err(|reason| FetchError::Client { reason: reason.clone() })
    }

    fn is_loopback(&self) -> bool {
        match &self.place {
            Place::At(url) => is_loopback(url),
            Place::Discovered { issuer, .. } => issuer.is_loopback(),
        }
    }
}

impl KeySource for Remote {
    fn fetch(&self) -> FetchFuture<'_> {
        Box::pin(self.fetch_keys())
    }
}

struct Document {
    body: Vec<u8>,
    max_age: Option<Duration>,
}

fn client(loopback: bool) -> reqwest::Result<reqwest::Client> {
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

/// RFC 9111 §5.2.2.1.
fn max_age(cache_control: &str) -> Option<Duration> {
    cache_control.split(',').find_map(|directive| {
        let (name, seconds) = directive.split_once('=')?;
        let seconds = name.trim().eq_ignore_ascii_case("max-age").then(|| seconds.trim().trim_matches('"'))?;
        seconds.parse().ok().map(Duration::from_secs)
    })
}

/// Why keys could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No HTTP client, most often because the machine has no root certificates.
    #[error("no HTTP client: {reason}")]
    Client {
        /// What the client's builder said.
        reason: Box<str>,
    },
    /// No answer, or one that broke off.
    #[error("{url}: {reason}")]
    Request {
        /// What was asked for.
        url: Box<str>,
        /// What the client said.
        reason: Box<str>,
    },
    /// An answer other than 200; a redirect to another origin is one.
    #[error("{url}: answered {status}")]
    Status {
        /// What was asked for.
        url: Box<str>,
        /// The answer.
        status: StatusCode,
    },
    /// More than 256 KiB.
    #[error("{url}: more than {MAX_DOCUMENT} octets")]
    TooLarge {
        /// What was asked for.
        url: Box<str>,
    },
    /// No end within 5 seconds.
    #[error("no end within the time there was")]
    TimedOut,
    /// The issuer's metadata is of no use.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// The key set is of no use.
    #[error(transparent)]
    Keys(#[from] JwkSetError),
    /// What a [`KeySource`] of the application's own had to say.
    #[error("{reason}")]
    Other {
        /// Its words.
        reason: Box<str>,
    },
}

impl FetchError {
    fn request(url: &Url, error: &reqwest::Error) -> Self {
        Self::Request { url: url.as_str().into(), reason: describe(error) }
    }
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

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::At(url) => f.debug_tuple("Remote").field(&url.as_str()).finish(),
            Place::Discovered { issuer, .. } => f.debug_tuple("Remote").field(issuer).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i7_max_age_is_read_from_cache_control() {
        let seconds = |text| max_age(text).map(|age| age.as_secs());
        assert_eq!(seconds("max-age=300"), Some(300));
        assert_eq!(seconds("public, Max-Age = \"60\" , must-revalidate"), Some(60));
        for none in ["", "no-store", "max-age", "max-age=", "max-age=-1", "max-age=x", "s-maxage=5", "x-max-age=5"] {
            assert_eq!(seconds(none), None, "{none}");
        }
    }
}
