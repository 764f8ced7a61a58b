use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::fetch_error::FetchError;
use crate::jose::JwkSet;
use crate::redact;

/// The most bytes that a key set or a metadata document may have.
pub(super) const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

/// Where an issuer's keys come from.
///
/// [`RemoteKeys`](super::RemoteKeys) fetches them by HTTP and [`KeyFile`](super::KeyFile) reads a file. Whatever the source, the
/// keys age, are refreshed and are given up by the same rules. A [`JwkSet`] is a source too, of [fixed](Self::fixed) keys.
pub trait KeySource: Send + Sync + 'static {
    /// Fetches the keys. It is called for one fetch at a time, and given up after 5.5 seconds.
    ///
    /// A key set is the issuer's answer whatever it holds: the keys that it lacks are withdrawn. So a source that could not find out
    /// returns an error, never a set without keys.
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> FetchFuture<'a>;

    /// Keys that are known before the first fetch, so that the first token need not wait for it.
    ///
    /// Default: none.
    fn seed(&self) -> Option<JwkSet> {
        None
    }

    /// Keys that never change. They are never fetched, have no end and need no runtime.
    ///
    /// Default: none, the keys are fetched.
    fn fixed(&self) -> Option<JwkSet> {
        None
    }
}

/// What [`KeySource::fetch`] returns.
pub type FetchFuture<'a> = Pin<Box<dyn Future<Output = Result<Fetched, FetchError>> + Send + 'a>>;

/// What a [`KeySource`] is told about the keys that it is to fetch.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FetchRequest<'a> {
    /// What came with the keys that are held, if any are: for a conditional request (RFC 9110 §13.1).
    pub validators: Option<&'a Validators>,
    /// The monotonic time by the server's [clock](crate::clock::Clock).
    pub now: Instant,
    /// Whether caches on the way must ask the issuer (`Cache-Control: no-cache`, RFC 9111 §5.2.1.4): a token names a key that
    /// the keys at hand lack.
    pub bypass_caches: bool,
}

impl FetchRequest<'_> {
    /// A request for keys of which none are held: for tests of a source.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { validators: None, now, bypass_caches: false }
    }
}

/// What a [`KeySource`] brought.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// `None` if they are what they were.
    pub(super) keys: Option<JwkSet>,
    pub(super) lifetime: Option<Duration>,
    /// How old the document was when its fetch began (RFC 9111 §5.1).
    pub(super) age: Duration,
    pub(super) validators: Option<Validators>,
}

impl Fetched {
    /// Keys.
    #[must_use]
    pub fn keys(keys: JwkSet) -> Self {
        Self { keys: Some(keys), lifetime: None, age: Duration::ZERO, validators: None }
    }

    /// The news that the keys are what they were when the request's validators came with them (RFC 9110 §15.4.5).
    #[must_use]
    pub fn unchanged() -> Self {
        Self { keys: None, lifetime: None, age: Duration::ZERO, validators: None }
    }

    /// How old the keys were when the fetch began, because a cache on the way answered (`Age`, RFC 9111 §5.1).
    ///
    /// Default: zero, the issuer itself answered.
    #[must_use]
    pub fn age(self, age: Duration) -> Self {
        Self { age, ..self }
    }

    /// How long the issuer says that the keys are fresh; it is kept between 1 minute and 1 hour.
    ///
    /// Default: the issuer does not say, which makes 10 minutes, or what it was if the keys are [unchanged](Self::unchanged).
    #[must_use]
    pub fn lifetime(self, lifetime: Duration) -> Self {
        Self { lifetime: Some(lifetime), ..self }
    }
}

/// What tells one version of a document from another (RFC 9110 §8.8).
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

    fn seed(&self) -> Option<JwkSet> {
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
