use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::persisted_file::PersistedFile;
use super::remote_keys::RemoteKeys;
use crate::keys::{FetchFuture, FetchRequest, Fetched, KeySource, Seed};

impl RemoteKeys {
    /// Keeps the last good keys in the file at `path`, so that they survive a restart of the process while the issuer is down.
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
    /// Exactly as long as if the process had not restarted, because the file has the time that they are as of: for their lifetime, and
    /// for an hour beyond it only while an attempt of the new process shows that the issuer cannot be reached. The age is measured by
    /// the server's [clock](crate::server::Builder::clock). The first look-up starts a fetch, also if the keys are fresh, because
    /// some may have been withdrawn meanwhile. Discovery runs again.
    ///
    /// # The file
    ///
    /// - **Anyone who can write it can make tokens that are accepted**, until the issuer answers. So let only the service write the
    ///   file and its directory, and do not use a directory for temporary files. The file has a checksum, which detects damage and
    ///   no attacker. It is created with mode 0600 on Unix. It contains public keys and no secret. In a container it belongs on a volume.
    /// - It is read once, when the server is [built](crate::server::Builder::build): at most 516 KiB of a regular file. One that is damaged,
    ///   of another source or of another version, or fetched more than 60 seconds in the future, is ignored with a warning
    ///   (`tracing`), and the server starts without keys, as it does if there is no file yet.
    /// - It is written after every fetch, also one that confirms or withdraws keys, on a thread for blocking work. It is replaced as a
    ///   whole, by way of a temporary file beside it, which a crash at that moment may leave there. Several processes may share it if
    ///   they have the same source, and newer keys are not replaced by older ones.
    /// - If it cannot be written, the keys are used all the same. There is one warning, and one event when it can be written again. The
    ///   file is then removed, because it may contain keys that have been withdrawn. If that fails too, or if the process ends
    ///   before it has written, the file before remains, and is used until its keys are too old.
    /// - Use a file for each issuer. One path for two issuers of a server is a
    ///   [mistake](crate::server::ConfigError::PersistPathTwice) if the server can see it. Otherwise each replaces the file of the other,
    ///   which ignores it after a restart.
    ///
    /// A [`KeySource`] of yours that wraps this one must also pass on [`seed`](KeySource::seed).
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
