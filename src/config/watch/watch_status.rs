use super::watch_error::WatchError;

/// What has become of a configuration file, from [`Watched::status`](super::Watched::status).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WatchStatus {
    /// How often the configuration was replaced since the start.
    pub reloads: u64,
    /// How often it could not be, each mistake counted once while it lasts.
    pub refusals: u64,
    /// Why the last reading changed nothing. `None` if the server has the configuration that is in the file.
    pub last_error: Option<WatchError>,
    /// What of the present configuration only a restart applies, one sentence each: as in [`Reloaded`](super::Reloaded::needs_restart).
    pub needs_restart: Vec<String>,
}
