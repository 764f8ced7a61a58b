//! One refresh for all concurrent callers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

use super::tokens::{Granted, NoTokens};

/// How long a refresh token that was just used still leads to what it was exchanged for: until every tab, and a request whose answer
/// was lost, has the next one.
const GRACE: Duration = Duration::from_secs(10);

/// The tabs of a browser share its cookie, so two that start together present the same refresh token. An authorization server that
/// rotates refresh tokens treats the second use as theft, and revokes the whole family. So each token is sent once. A tab that
/// presents it again within 10 seconds gets the same answer.
#[derive(Default)]
pub(super) struct Refreshes(Mutex<HashMap<String, Recent>>);

struct Recent {
    began: Instant,
    answer: Arc<OnceCell<Granted>>,
}

impl Refreshes {
    /// `refresh` is awaited unless the same token was or is being exchanged. What fails is not remembered.
    pub(super) async fn once(
        &self,
        refresh_token: &str,
        refresh: impl Future<Output = Result<Granted, NoTokens>>,
    ) -> Result<Granted, NoTokens> {
        let answer = self.answer_of(refresh_token);
        answer.get_or_try_init(|| refresh).await.cloned()
    }

    /// After a sign-out nothing leads to its tokens any more.
    pub(super) fn forget(&self, refresh_token: &str) {
        let leads_there = |recent: &Recent| {
            recent.answer.get().is_some_and(|granted| granted.refresh_token.as_deref() == Some(refresh_token))
        };
        self.lock().retain(|used, recent| used != refresh_token && !leads_there(recent));
    }

    fn answer_of(&self, refresh_token: &str) -> Arc<OnceCell<Granted>> {
        let now = Instant::now();
        let mut all = self.lock();
        all.retain(|_, recent| now - recent.began < GRACE);
        let new = || Recent { began: now, answer: Arc::default() };
        Arc::clone(&all.entry(refresh_token.to_owned()).or_insert_with(new).answer)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Recent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
