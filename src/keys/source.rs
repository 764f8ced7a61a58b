use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::fetch_error::FetchError;
use super::persistence::{Persistence, RawKeySet};
use super::seed::Seed;
use crate::jose::JwkSet;
use crate::redact;

/// The most bytes that a key set or a metadata document may have.
pub(crate) const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

/// The time limit of a source that does not state one.
const DEFAULT_TIME_LIMIT: Duration = Duration::from_millis(5500);

/// A source of an issuer's keys.
///
/// `RemoteKeys` fetches them by HTTP (feature `http-client`), and [`KeyFile`](super::KeyFile) reads a file. The same rules for
/// lifetime and refresh apply to all sources. A [`JwkSet`] is also a source, of [fixed](Self::fixed) keys.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a source of keys",
    label = "expected a `KeySource`",
    note = "for keys at a URL, write `Issuer::jwks(identifier, url)`, or `RemoteKeys::at(url)?` as the source",
    note = "for a file, write `KeyFile::new(path)`, and for keys that never change `JwkSet::from_json(document)?`"
)]
pub trait KeySource: Send + Sync + 'static {
    /// Fetches the keys. There is only one call at a time, and its future is dropped after the [time limit](Self::time_limit).
    ///
    /// A key set withdraws all keys that it lacks, so a source that cannot get the keys must return an error, never an empty set.
    ///
    /// # Errors
    ///
    /// [`FetchError::Other`] is for the errors of sources outside this crate.
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> FetchFuture<'a>;

    /// The time after which a [fetch](Self::fetch) is dropped and counts as failed: at most 9.5 seconds. Longer values are reduced to that.
    ///
    /// A request waits at most 6 seconds for a fetch. It then gets 503, and the fetch continues for later requests.
    ///
    /// Default: 5.5 seconds.
    fn time_limit(&self) -> Duration {
        DEFAULT_TIME_LIMIT
    }

    /// Keys that are available before the first fetch, so that the first token need not wait for it. This is called once, when the
    /// server is [built](crate::server::Builder::build).
    ///
    /// A source that wraps another must also forward this: [`RemoteKeys::persist`](super::RemoteKeys::persist) reads its file here.
    ///
    /// Default: none.
    fn seed(&self) -> Option<Seed> {
        None
    }

    /// Keys that never change. They are never fetched, do not expire and need no runtime.
    ///
    /// Default: none, so the keys are fetched.
    fn fixed(&self) -> Option<JwkSet> {
        None
    }
}

/// What [`KeySource::fetch`] returns.
pub type FetchFuture<'a> = Pin<Box<dyn Future<Output = Result<Fetched, FetchError>> + Send + 'a>>;

/// The parameters of one [fetch](KeySource::fetch).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FetchRequest<'a> {
    /// The validators that came with the held keys, for a conditional request (RFC 9110 §13.1).
    pub validators: Option<&'a Validators>,
    /// The current monotonic time by the server's [clock](crate::clock::Clock).
    pub now: Instant,
    /// Whether intermediate caches must revalidate (`Cache-Control: no-cache`, RFC 9111 §5.2.1.4), because a token has a `kid` that
    /// the held keys lack.
    pub bypass_caches: bool,
}

impl FetchRequest<'_> {
    /// The request that is made while no keys are held, for tests of a source.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { validators: None, now, bypass_caches: false }
    }
}

/// The result of a successful [fetch](KeySource::fetch).
#[derive(Clone, Debug)]
pub struct Fetched {
    /// `None` if they have not changed.
    pub(super) keys: Option<JwkSet>,
    pub(super) lifetime: Option<Duration>,
    /// The age of the document at the start of the fetch (RFC 9111 §5.1).
    pub(super) age: Duration,
    pub(super) validators: Option<Validators>,
    /// The keys as they were received, if they may be persisted.
    pub(super) document: Option<RawKeySet>,
    /// Where they are persisted when they are held.
    pub(super) persistence: Option<Arc<dyn Persistence>>,
}

impl Fetched {
    /// All keys of the issuer.
    #[must_use]
    pub fn keys(keys: JwkSet) -> Self {
        Self::new(Some(keys))
    }

    /// Reports that the keys have not changed since the response that the request's validators came from (RFC 9110 §15.4.5).
    #[must_use]
    pub fn unchanged() -> Self {
        Self::new(None)
    }

    /// Sets the age of the keys at the start of the fetch, for an answer from a cache (`Age`, RFC 9111 §5.1).
    ///
    /// Default: zero, as if the issuer itself had answered.
    #[must_use]
    pub fn age(self, age: Duration) -> Self {
        Self { age, ..self }
    }

    /// Sets the lifetime that the issuer states; it is clamped to between 1 minute and 1 hour.
    ///
    /// Default: 10 minutes or, for [unchanged](Self::unchanged) keys, the lifetime that they had.
    #[must_use]
    pub fn lifetime(self, lifetime: Duration) -> Self {
        Self { lifetime: Some(lifetime), ..self }
    }

    fn new(keys: Option<JwkSet>) -> Self {
        Self { keys, lifetime: None, age: Duration::ZERO, validators: None, document: None, persistence: None }
    }
}

/// The validators of a document, which tell its versions apart (RFC 9110 §8.8).
#[derive(Clone, PartialEq, Eq)]
pub struct Validators {
    /// Where the document was.
    pub(super) url: url::Url,
    pub(super) etag: Option<http::HeaderValue>,
    pub(super) last_modified: Option<http::HeaderValue>,
}

impl fmt::Debug for Validators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, etag, last_modified } = self;
        let mut validators = f.debug_struct("Validators");
        validators.field("url", &redact::place(url)).field("etag", etag).field("last_modified", last_modified).finish()
    }
}

impl<S: KeySource + ?Sized> KeySource for Arc<S> {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> FetchFuture<'a> {
        (**self).fetch(request)
    }

    fn time_limit(&self) -> Duration {
        (**self).time_limit()
    }

    fn seed(&self) -> Option<Seed> {
        (**self).seed()
    }

    fn fixed(&self) -> Option<JwkSet> {
        (**self).fixed()
    }
}

impl KeySource for JwkSet {
    fn fetch<'a>(&'a self, _: FetchRequest<'a>) -> FetchFuture<'a> {
        Box::pin(std::future::ready(Ok(Fetched::keys(self.clone()))))
    }

    fn fixed(&self) -> Option<JwkSet> {
        Some(self.clone())
    }
}
