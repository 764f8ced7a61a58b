use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::{Value, cmd, from_redis_value};

use crate::connection::{Link, LinkError};

/// The only policy by which Redis removes nothing that has not expired.
const SAFE: &str = "noeviction";
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// Asks Redis once what it does when its memory is full, and logs the answer unless it is the right one.
pub(crate) struct MemoryPolicyCheck {
    is_done: Arc<AtomicBool>,
    forgotten: Forgotten,
}

/// What Redis would forget.
#[derive(Clone, Copy)]
pub(crate) enum Forgotten {
    Proofs,
    Revocations,
}

impl MemoryPolicyCheck {
    pub(crate) fn new(forgotten: Forgotten) -> Self {
        Self { is_done: Arc::default(), forgotten }
    }

    /// Starts the check in a task of its own, unless it has been started. It may start again if there was no answer.
    pub(crate) fn start(&self, link: &Link) {
        // Read first: this is asked for each proof, and a write would take the cache line from the other threads.
        if self.is_done.load(Ordering::Relaxed) || self.is_done.swap(true, Ordering::Relaxed) {
            return;
        }
        let (link, is_done, forgotten) = (link.clone(), Arc::clone(&self.is_done), self.forgotten);
        tokio::spawn(async move {
            match link.send(cmd("CONFIG").arg("GET").arg("maxmemory-policy"), TIME_LIMIT).await {
                Ok(reply) => forgotten.log(&reply),
                Err(LinkError::Command(error)) if !error.is_io_error() => forgotten.log_unknown(&error),
                Err(_) => is_done.store(false, Ordering::Relaxed),
            }
        });
    }
}

impl Forgotten {
    fn log(self, reply: &Value) {
        let settings = from_redis_value::<HashMap<String, String>>(reply.clone());
        match settings.map(|mut found| found.remove("maxmemory-policy")) {
            Ok(Some(policy)) if policy == SAFE => {}
            Ok(Some(policy)) => tracing::warn!(
                expected = SAFE,
                found = policy,
                "the maxmemory-policy of Redis lets it evict {}",
                match self {
                    Self::Proofs => "used DPoP proofs that are still valid, which can then be used again",
                    Self::Revocations => "revocations, which processes that start later then miss",
                }
            ),
            Ok(None) => self.log_unknown(&"no such setting"),
            Err(error) => self.log_unknown(&error),
        }
    }

    fn log_unknown(self, error: &dyn std::fmt::Display) {
        tracing::info!(
            %error,
            expected = SAFE,
            "the maxmemory-policy of Redis could not be read: check that Redis never evicts a {}",
            match self {
                Self::Proofs => "used DPoP proof that is still valid",
                Self::Revocations => "revocation",
            }
        );
    }
}
