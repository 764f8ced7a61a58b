//! What a source needs to keep a copy of the held keys for the next process. The store decides which keys these are, and of what
//! age; the source decides where the copy is.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

/// A place for the copy.
pub(super) trait Persistence: fmt::Debug + Send + Sync {
    /// Takes over the keys that are held from now on. It is called under a lock, so it does no I/O: the work that it returns does.
    /// `None` if such work runs already, and will do this too.
    fn persist(self: Arc<Self>, keys: HeldKeys) -> Option<BlockingWork>;
}

pub(super) type BlockingWork = Box<dyn FnOnce() + Send>;

/// The keys that are held, and their times.
#[cfg_attr(not(feature = "http-client"), expect(dead_code, reason = "only remote keys are persisted"))]
pub(super) struct HeldKeys {
    pub(super) document: RawKeySet,
    pub(super) as_of: SystemTime,
    /// The age of the document when its fetch began.
    pub(super) age: Duration,
    /// How long it is fresh from then on.
    pub(super) lifetime: Duration,
    /// The time of day by the server's clock.
    pub(super) now: SystemTime,
}

/// A key set as it was received, byte for byte.
#[derive(Clone)]
pub(super) struct RawKeySet(pub(super) Bytes);

impl fmt::Debug for RawKeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawKeySet({} bytes)", self.0.len())
    }
}

/// Starts the work on a thread that may block, within a runtime. Its events go to the subscriber of this thread.
pub(super) fn spawn(work: BlockingWork) {
    let subscriber = tracing::dispatcher::get_default(Clone::clone);
    drop(tokio::task::spawn_blocking(move || tracing::dispatcher::with_default(&subscriber, work)));
}
