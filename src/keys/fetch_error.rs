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
    /// No HTTP client, most often because the machine has no root certificates.
    #[error("{url}: no HTTP client: {reason}")]
    Client {
        /// What was to be asked for.
        url: Box<str>,
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
    /// An answer other than 200 and, to a conditional request, 304.
    #[error("{url}: answered {status}")]
    Status {
        /// What was asked for.
        url: Box<str>,
        /// The answer.
        status: StatusCode,
    },
    /// An answer from another origin than was asked, by way of redirects.
    #[error("{url}: redirected to another origin")]
    Redirected {
        /// What was asked for.
        url: Box<str>,
    },
    /// More than 256 KiB.
    #[error("{url}: more than 256 KiB")]
    TooLarge {
        /// What was asked for.
        url: Box<str>,
    },
    /// No complete answer in time: [`RemoteKeys`](super::RemoteKeys) has 5 seconds for all the URLs of a fetch.
    #[error("{url}: no complete answer within {limit:?} from the start of the fetch")]
    Timeout {
        /// What was asked for when the time had passed.
        url: Box<str>,
        /// The time that there was.
        limit: Duration,
    },
    /// A source that is not a URL did not answer in time.
    #[error("the source did not answer in time")]
    TimedOut,
    /// A metadata document of no use.
    #[error("{url}: {reason}")]
    Metadata {
        /// Where it is.
        url: Box<str>,
        /// Why it is of no use.
        reason: DiscoveryError,
    },
    /// No usable metadata document of the issuer.
    #[error("no usable metadata: {}", joined(attempts))]
    Discovery {
        /// Every URL that was asked for, in order, and why it is of no use.
        attempts: Box<[FetchError]>,
    },
    /// No key set, or one of no use.
    #[error("{}{reason}", place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default())]
    Keys {
        /// The URL or the file that it came from, if the source told.
        place: Option<Box<str>>,
        /// Why it is of no use.
        reason: JwkSetError,
    },
    /// A file that cannot be read.
    #[error("{path:?}: {kind}")]
    File {
        /// Where it should be.
        path: std::path::PathBuf,
        /// What the system said.
        kind: std::io::ErrorKind,
    },
    /// The source says that the keys have not changed, and there are none.
    #[error("unchanged, where there was nothing before")]
    NothingHeld,
    /// What a [`KeySource`] of the application's own had to say.
    #[error("{reason}")]
    Other {
        /// Its words.
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
