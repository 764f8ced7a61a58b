use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::persisted_file::PersistedFile;
use super::remote_keys::RemoteKeys;
use crate::keys::{FetchFuture, FetchRequest, Fetched, KeySource, Seed};

impl RemoteKeys {
    /// Keeps the last good keys in the file at `path`, so that they survive a restart while the issuer is down.
    ///
    /// ```
    /// use tower_bearer::Issuer;
    /// use tower_bearer::keys::RemoteKeys;
    ///
    /// let internal = "https://keycloak.internal:8443/realms/shop/protocol/openid-connect/certs";
    /// let keys = RemoteKeys::at(internal)?.persist("/var/lib/shop/keycloak.json");
    /// let issuer = Issuer::keycloak("https://id.example.com", "shop")?.keys_from(keys);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// [`Issuer::persist_keys`](crate::Issuer::persist_keys) does this for the keys that a constructor of `Issuer` sets up.
    ///
    /// # How long the keys are used
    ///
    /// Exactly as long as if the process had not restarted, because the file records when the keys were current: for their lifetime, and
    /// for an hour beyond it only while an attempt by the new process shows that the issuer cannot be reached. The age is measured by the
    /// server's [clock](crate::server::Builder::clock). The first lookup starts a fetch even if the keys are fresh, because some may have
    /// been withdrawn in the meantime. Discovery runs again.
    ///
    /// # The file
    ///
    /// - **Anyone who can write the file can forge tokens**, which are accepted until the issuer answers. So only the service may have
    ///   write access to the file and its directory; do not use a directory for temporary files. The file's checksum detects damage, not
    ///   attacks. On Unix it is created with mode 0600. It contains public keys and no secrets. In a container, put it on a volume.
    /// - It is read once, when the server is [built](crate::server::Builder::build), and must be a regular file of at most 516 KiB. A
    ///   file that is damaged, from another source or version, or fetched more than 60 seconds in the future is ignored with a warning
    ///   (`tracing`), and the server starts without keys, as it does if there is no file yet.
    /// - It is written after every fetch, including one that confirms or withdraws keys, on a thread for blocking work. It is replaced as
    ///   a whole, through a temporary file beside it, which a crash at that moment may leave behind. Processes with the same source may
    ///   share the file; older keys never replace newer ones.
    /// - If it cannot be written, the keys are still used. One warning is logged, and one event when writing succeeds again. The old file
    ///   is removed, because it may contain withdrawn keys. If that fails too, or if the process ends before it has written the file, the
    ///   old file remains and is used until its keys are too old.
    /// - Use a separate file for each issuer. If the server can detect that two issuers have the same path, that is an
    ///   [error](crate::server::ConfigError::PersistPathTwice). Otherwise each replaces the other's file, which the other ignores after a
    ///   restart.
    ///
    /// If your own [`KeySource`] wraps this one, it must also forward [`seed`](KeySource::seed).
    ///
    /// Default: keys are held in memory only.
    #[must_use]
    pub fn persist(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(Arc::new(PersistedFile::new(path.into(), self.identity())));
        self
    }

    /// Where the keys are persisted.
    pub(crate) fn persisted_at(&self) -> Option<&Path> {
        self.file.as_ref().map(|file| file.path())
    }
}

/// Remote keys that others may hold too, persisted in a file of their own.
pub(crate) struct PersistedKeys {
    keys: Arc<RemoteKeys>,
    file: Arc<PersistedFile>,
}

impl PersistedKeys {
    pub(crate) fn new(keys: Arc<RemoteKeys>, path: PathBuf) -> Self {
        let file = Arc::new(PersistedFile::new(path, keys.identity()));
        Self { keys, file }
    }
}

impl KeySource for PersistedKeys {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> FetchFuture<'a> {
        Box::pin(async move {
            let fetched = self.keys.fetch(request).await?;
            Ok(Fetched { persistence: Some(self.file.clone()), ..fetched })
        })
    }

    fn time_limit(&self) -> Duration {
        self.keys.time_limit()
    }

    fn seed(&self) -> Option<Seed> {
        self.file.seed()
    }
}
