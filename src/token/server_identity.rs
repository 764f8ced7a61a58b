use std::sync::atomic::{AtomicU64, Ordering};

/// Identifies one server among all that were built in this process: a number that is never given twice.
///
/// It is no address, so that a server may keep its identity when everything else about it is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServerIdentity(u64);

impl ServerIdentity {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}
