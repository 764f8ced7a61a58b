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
/// While it exists, the file is read. After it is dropped, the [server](Self::server) keeps the configuration that it has.
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

    /// The server. All clones of it and all layers that it makes have the newest good configuration.
    #[must_use]
    pub fn server(&self) -> ResourceServer {
        self.server.clone()
    }

    /// Reads the file and the files that it names now, also if nothing has changed: for the handler of a signal, such as SIGHUP.
    ///
    /// Requests that begin after it has returned `Ok` have the new configuration. It goes on if the future is dropped.
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
    /// Why the last good configuration stays.
    pub async fn reload(&self) -> Result<Reloaded, WatchError> {
        let reload = self.follower.blocking(Follower::reload).await;
        reload.unwrap_or(Err(WatchError::Interrupted))
    }

    /// What has become of the file so far. Cheap enough to be read every second.
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
