//! The layers themselves: the only code that names [`tower_service::Service`].

mod future;
mod protect;
mod require;

pub use future::{RequireFuture, ResponseFuture};
pub use protect::{Protect, ProtectLayer};
pub use require::RequireService;
