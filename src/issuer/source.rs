use std::any::Any;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use url::Url;

#[cfg(feature = "http-client")]
use crate::keys::RemoteKeys;
#[cfg(feature = "tenants")]
use crate::keys::UrlError;
use crate::keys::{KeyFile, KeySource};

/// Where an issuer's keys come from. What this crate fetches by itself can be shown.
#[derive(Clone)]
pub(crate) enum Source {
    #[cfg(feature = "http-client")]
    Remote(Arc<RemoteKeys>),
    File(Arc<KeyFile>),
    Other(Arc<dyn KeySource>),
}

impl Source {
    /// A source that the application made. `RemoteKeys` and key files are recognized, so that they can be shown, persisted and compared.
    pub(super) fn of<S: KeySource>(source: S) -> Self {
        let source = Arc::new(source);
        let any = || Arc::clone(&source) as Arc<dyn Any + Send + Sync>;
        #[cfg(feature = "http-client")]
        if let Ok(keys) = any().downcast() {
            return Self::Remote(keys);
        }
        match any().downcast() {
            Ok(file) => Self::File(file),
            Err(_) => Self::Other(source),
        }
    }

    pub(crate) fn is_remote(&self) -> bool {
        !matches!(self, Self::File(_) | Self::Other(_))
    }

    /// Whether both have the same keys: what this crate reads by itself is compared, and any other source is the same as its clones.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            #[cfg(feature = "http-client")]
            (Self::Remote(one), Self::Remote(other)) => Arc::ptr_eq(one, other) || one.is_like(other),
            (Self::File(one), Self::File(other)) => one.path() == other.path(),
            (Self::Other(one), Self::Other(other)) => Arc::ptr_eq(one, other),
            #[cfg(feature = "http-client")]
            (Self::Remote(_), _) => false,
            (Self::File(_) | Self::Other(_), _) => false,
        }
    }

    /// Where the keys are persisted, if the source says so itself.
    pub(super) fn persisted_at(&self) -> Option<&Path> {
        match self {
            #[cfg(feature = "http-client")]
            Self::Remote(keys) => keys.persisted_at(),
            Self::File(_) | Self::Other(_) => None,
        }
    }

    /// What the URL that is fetched from points to, if that is this machine or its link. What a source of the application does is not known.
    #[cfg(feature = "tenants")]
    pub(super) fn local_address(&self) -> Option<UrlError> {
        match self {
            #[cfg(feature = "http-client")]
            Self::Remote(keys) => keys.local_address(),
            Self::File(_) | Self::Other(_) => None,
        }
    }

    /// The URL that would be fetched from over plain http from another machine, if that was not allowed for this source.
    pub(crate) fn plain_http(&self) -> Option<&Url> {
        match self {
            #[cfg(feature = "http-client")]
            Self::Remote(keys) => keys.plain_http(),
            Self::File(_) | Self::Other(_) => None,
        }
    }
}

#[cfg(feature = "http-client")]
impl From<RemoteKeys> for Source {
    fn from(keys: RemoteKeys) -> Self {
        Self::Remote(Arc::new(keys))
    }
}

impl From<Source> for Arc<dyn KeySource> {
    fn from(source: Source) -> Self {
        match source {
            #[cfg(feature = "http-client")]
            Source::Remote(keys) => keys,
            Source::File(file) => file,
            Source::Other(source) => source,
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "http-client")]
            Self::Remote(keys) => keys.fmt(f),
            Self::File(_) | Self::Other(_) => f.write_str("KeySource"),
        }
    }
}
