//! The layers themselves: the only code that names [`tower_service::Service`].

mod future;
mod metadata;
mod protect;
mod require;

pub use future::{RequireFuture, ResponseFuture};
pub use metadata::MetadataService;
pub use protect::{Protect, ProtectLayer};
pub use require::RequireService;
