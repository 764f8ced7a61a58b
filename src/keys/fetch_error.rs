use std::time::Duration;

use http::StatusCode;

use super::discovery_error::DiscoveryError;
use crate::jose::JwkSetError;

/// Why keys could not be fetched, and from where.
///
/// A URL is shown without user name, password and the values of its query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The HTTP client could not be built, most often because the machine has no root certificates.
    #[error("{url}: the HTTP client could not be built: {reason}")]
    Client {
        /// The URL of the request.
        url: Box<str>,
        /// What the client's builder said.
        reason: Box<str>,
    },
    /// No answer, or one that broke off.
    #[error("{url}: {reason}")]
    Request {
        /// The URL of the request.
        url: Box<str>,
        /// What the client said.
        reason: Box<str>,
    },
    /// An answer other than 200 and, to a conditional request, 304.
    #[error("{url}: answered {status}")]
    Status {
        /// The URL of the request.
        url: Box<str>,
        /// The answer.
        status: StatusCode,
    },
    /// An answer from another origin than was asked, by way of redirects.
    #[error("{url}: a redirect led to another origin")]
    Redirected {
        /// The URL of the request.
        url: Box<str>,
    },
    /// More than 256 KiB.
    #[error("{url}: the document is larger than 256 KiB")]
    TooLarge {
        /// The URL of the request.
        url: Box<str>,
    },
    /// No complete answer in time: [`RemoteKeys`](super::RemoteKeys) has a limit for all the URLs of a fetch.
    #[error("{url}: no complete answer within {limit:?} from the start of the fetch")]
    Timeout {
        /// What was asked for when the time had passed.
        url: Box<str>,
        /// The time that there was.
        limit: Duration,
    },
    /// The source did not answer in time, and it is not a URL.
    #[error("the key source did not answer within {limit:?}")]
    TimedOut {
        /// The time that there was.
        limit: Duration,
    },
    /// An unusable metadata document.
    #[error("{url}: {reason}")]
    Metadata {
        /// Where it is.
        url: Box<str>,
        /// Why it is unusable.
        reason: DiscoveryError,
    },
    /// No usable metadata document of the issuer.
    #[error("no usable metadata was found: {}", joined(attempts))]
    Discovery {
        /// The error of every URL that was tried, in order.
        attempts: Box<[FetchError]>,
    },
    /// A document that is not a usable key set.
    #[error("{}{reason}", place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default())]
    Keys {
        /// The URL or the file that it came from, if the source told.
        place: Option<Box<str>>,
        /// Why it is unusable.
        reason: JwkSetError,
    },
    /// A file that cannot be read.
    #[error("the file {path:?} cannot be read: {kind}")]
    File {
        /// Where it should be.
        path: std::path::PathBuf,
        /// What the system said.
        kind: std::io::ErrorKind,
    },
    /// The source reported that the keys have not changed, and there were none before.
    #[error("the key source reported unchanged keys, and there were none before")]
    NothingHeld,
    /// An error of a [`KeySource`](super::KeySource) of the application.
    #[error("{reason}")]
    Other {
        /// What went wrong.
        reason: Box<str>,
    },
}

impl From<JwkSetError> for FetchError {
    fn from(reason: JwkSetError) -> Self {
        Self::Keys { place: None, reason }
    }
}

fn joined(attempts: &[FetchError]) -> String {
    attempts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
