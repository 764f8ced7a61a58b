//! A replay store that lets requests wait.

use std::sync::Arc;

use tokio::sync::watch;
use tower_bearer::dpop::{Freshness, ReplayAnswer, ReplayEntry, ReplayStore};

/// A store that answers only when it is told to, and knows every proof from its second use on.
#[derive(Clone)]
pub(crate) struct SlowStore {
    calls: Arc<watch::Sender<usize>>,
    answers: Arc<watch::Sender<bool>>,
}

impl SlowStore {
    pub(crate) fn new() -> Self {
        Self { calls: Arc::new(watch::Sender::new(0)), answers: Arc::new(watch::Sender::new(false)) }
    }

    /// Does `work` while a request waits for the answer.
    pub(crate) async fn meanwhile(&self, work: impl Future<Output = ()>) {
        self.calls.subscribe().wait_for(|calls| *calls == 1).await.unwrap();
        work.await;
        self.answers.send_replace(true);
    }
}

impl ReplayStore for SlowStore {
    fn insert(&self, _: ReplayEntry) -> ReplayAnswer {
        let is_first = *self.calls.borrow() == 0;
        self.calls.send_modify(|calls| *calls += 1);
        let mut answers = self.answers.subscribe();
        ReplayAnswer::Later(Box::pin(async move {
            answers.wait_for(|answers| *answers).await.unwrap();
            Ok(if is_first { Freshness::Fresh } else { Freshness::Replayed })
        }))
    }
}
