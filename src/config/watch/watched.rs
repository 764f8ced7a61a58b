use std::fmt;
use std::sync::Arc;

use tokio::task::AbortHandle;

use super::follower::Follower;
use super::reloaded::Reloaded;
use super::watch_error::WatchError;
use super::watch_status::WatchStatus;
use crate::ResourceServer;

/// A server that follows its configuration file, from [`Watch::start`](super::Watch::start).
///
/// The file is followed while this exists. After it is dropped, the [server](Self::server) keeps its configuration.
#[must_use = "the file is followed as long as this exists"]
pub struct Watched {
    follower: Arc<Follower>,
    server: ResourceServer,
    poll: Option<AbortHandle>,
}

impl Watched {
    pub(super) fn new(follower: Arc<Follower>, poll: Option<AbortHandle>) -> Self {
        Self { server: follower.server(), follower, poll }
    }

    /// The server. All its clones and all layers that it makes use the newest good configuration.
    #[must_use]
    pub fn server(&self) -> ResourceServer {
        self.server.clone()
    }

    /// Reads the file and the files that it names immediately, even if nothing has changed: for the handler of a signal such as
    /// SIGHUP.
    ///
    /// Requests that begin after this has returned `Ok` use the new configuration. The reload continues if the future is
    /// dropped.
    ///
    /// ```no_run
    /// # async fn follow(watched: tower_bearer::config::Watched) -> std::io::Result<()> {
    /// use tokio::signal::unix::{SignalKind, signal};
    ///
    /// let mut hangups = signal(SignalKind::hangup())?;
    /// while hangups.recv().await.is_some() {
    ///     let _ = watched.reload().await; // mistakes are logged
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// Why the last good configuration is kept. The same mistake is reported at each call.
    pub async fn reload(&self) -> Result<Reloaded, WatchError> {
        let reload = self.follower.blocking(Follower::reload).await;
        reload.unwrap_or(Err(WatchError::Interrupted))
    }

    /// The state of the file and its reloads so far. This is cheap enough to be called every second.
    #[must_use]
    pub fn status(&self) -> WatchStatus {
        self.follower.status()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(poll) = &self.poll {
            poll.abort();
        }
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched")
            .field("path", &self.follower.path())
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
