use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;

use crate::config::Problems;
use crate::redact::Excerpt;

/// Why a configuration file is not used.
///
/// `Debug` is the same text as `Display`, because a `main` that returns the error prints that.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The file cannot be read.
    #[error("the configuration file {} cannot be read: {kind}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        kind: ErrorKind,
    },
    /// The file has more than 1 MiB.
    #[error("the configuration file {} has more than 1 MiB", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is not UTF-8.
    #[error("the configuration file {} is not UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
    },
    /// The parser rejects the text.
    ///
    /// The reason is only the first line of the parser's message, because some parsers show the line of the file in the rest, and it may contain a
    /// secret.
    #[error("the configuration file {} cannot be parsed: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The parser's message, at most 200 characters.
        reason: Excerpt,
    },
    /// The settings have problems. All of them are here.
    #[error("the configuration file {} has mistakes:\n{problems}", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// The problems.
        problems: Problems,
    },
    /// A function of the application has panicked: the parser, or the function that completes the builder.
    #[error("a function of the application has panicked while the configuration was read")]
    Panicked,
    /// The server was not started within a tokio runtime.
    #[error("a server that follows a file needs a tokio runtime")]
    NoRuntime,
    /// The runtime ended before the file was read.
    #[error("the tokio runtime ended before the configuration file was read")]
    Interrupted,
}

impl fmt::Debug for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
