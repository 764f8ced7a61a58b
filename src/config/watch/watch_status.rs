use super::watch_error::WatchError;

/// The state of a followed configuration file, from [`Watched::status`](super::Watched::status).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WatchStatus {
    /// How often the configuration has been replaced since the start.
    pub reloads: u64,
    /// How often a changed configuration could not be used. A mistake that lasts is counted once by polling, and at each call of
    /// [`reload`](super::Watched::reload).
    pub refusals: u64,
    /// Why the last reading changed nothing. `None` if the server has the configuration that is in the file.
    pub last_error: Option<WatchError>,
    /// The parts of the present configuration that only a restart applies, one sentence each, as in
    /// [`Reloaded`](super::Reloaded::needs_restart).
    pub needs_restart: Vec<String>,
}
