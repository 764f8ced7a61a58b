//! A server that follows its configuration file.

mod follower;
mod named_files;
mod reloaded;
mod stamp;
#[expect(clippy::module_inception, reason = "the file is named for its function and type")]
mod watch;
mod watch_error;
mod watch_status;
mod watched;

pub use reloaded::Reloaded;
pub use watch::{Watch, watch};
pub use watch_error::WatchError;
pub use watch_status::WatchStatus;
pub use watched::Watched;
