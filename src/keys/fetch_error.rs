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
    /// The HTTP client could not be built, usually because the machine has no root certificates.
    #[error("{url}: the HTTP client could not be built: {reason}")]
    Client {
        /// The URL of the request.
        url: Box<str>,
        /// The error of the client's builder.
        reason: Box<str>,
    },
    /// There was no answer, or it broke off.
    #[error("{url}: {reason}")]
    Request {
        /// The URL of the request.
        url: Box<str>,
        /// The error of the client.
        reason: Box<str>,
    },
    /// The status is neither 200 nor, for a conditional request, 304.
    #[error("{url}: answered {status}")]
    Status {
        /// The URL of the request.
        url: Box<str>,
        /// The status.
        status: StatusCode,
    },
    /// Redirects led to an answer from another origin.
    #[error("{url}: a redirect led to another origin")]
    Redirected {
        /// The URL of the request.
        url: Box<str>,
    },
    /// The answer has more than 256 KiB.
    #[error("{url}: the document is larger than 256 KiB")]
    TooLarge {
        /// The URL of the request.
        url: Box<str>,
    },
    /// There was no complete answer in time. [`RemoteKeys`](super::RemoteKeys) has one time limit for all
    /// URLs of a fetch.
    #[error("{url}: no complete answer within {limit:?} from the start of the fetch")]
    Timeout {
        /// The URL that was being fetched when the time ran out.
        url: Box<str>,
        /// The time limit.
        limit: Duration,
    },
    /// The source, which is not a URL, did not answer in time.
    #[error("the key source did not answer within {limit:?}")]
    TimedOut {
        /// The time limit.
        limit: Duration,
    },
    /// The metadata document is unusable.
    #[error("{url}: {reason}")]
    Metadata {
        /// The URL of the document.
        url: Box<str>,
        /// Why it is unusable.
        reason: DiscoveryError,
    },
    /// No usable metadata document of the issuer was found.
    #[error("no usable metadata was found: {}", joined(attempts))]
    Discovery {
        /// The error of every URL that was tried, in order.
        attempts: Box<[FetchError]>,
    },
    /// The document is not a usable key set.
    #[error("{}{reason}", place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default())]
    Keys {
        /// The URL or the file that it came from, if the source named it.
        place: Option<Box<str>>,
        /// Why it is unusable.
        reason: JwkSetError,
    },
    /// The file cannot be read.
    #[error("the file {path:?} cannot be read: {kind}")]
    File {
        /// The path of the file.
        path: std::path::PathBuf,
        /// The error of the system.
        kind: std::io::ErrorKind,
    },
    /// The source reported that the keys have not changed, but there were none before.
    #[error("the key source reported unchanged keys, but there were none before")]
    NothingHeld,
    /// The application's own [`KeySource`](super::KeySource) failed.
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
