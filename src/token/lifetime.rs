//! When an access token ends: when it expires or is revoked.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use super::access_token::AccessToken;
use super::numeric_date::NumericDate;
use crate::revocation::{Issued, TokenFacts};

/// How long [`AccessToken::expires`] sleeps before it reads the time of day again.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// How long [`AccessToken::expires`] leaves the table of revocations alone after it has looked there, so that many changes cost little.
const PAUSE_AFTER_CHANGE: Duration = Duration::from_millis(200);

impl AccessToken {
    /// Completes when the token expires, at [`expires_at`](Self::expires_at) plus the server's leeway, by the server's clock; or within
    /// a second after it has been [revoked](crate::revocation). Use it to end what outlives the request, such as a WebSocket. To end
    /// response bodies, use [`end_with_token`](crate::layer::ProtectLayer::end_with_token).
    ///
    /// ```
    /// # use tower_bearer::AccessToken;
    /// # async fn next_message() -> Option<String> { None }
    /// # async fn handle(message: String) {}
    /// async fn converse(token: AccessToken) {
    ///     let mut expired = std::pin::pin!(token.expires());
    ///     loop {
    ///         tokio::select! {
    ///             () = &mut expired => break,
    ///             message = next_message() => match message {
    ///                 Some(message) => handle(message).await,
    ///                 None => break,
    ///             },
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// It must be polled within a tokio runtime with time enabled. It keeps only the token alive.
    pub fn expires(&self) -> impl Future<Output = ()> + Send + use<> {
        let token = self.clone();
        async move {
            // Before the first look at the table, so that no change is missed.
            let mut changes = token.0.revocations.as_ref().map(|table| table.changes());
            loop {
                let left = token.end().seconds() - NumericDate::from(token.0.time.clock.now()).seconds();
                if left <= 0.0 || token.is_revoked() {
                    return;
                }
                // The time of day may jump, and timers do not notice.
                let sleep = tokio::time::sleep(Duration::from_secs_f64(left.min(LONGEST_SLEEP.as_secs_f64())));
                match &mut changes {
                    None => sleep.await,
                    Some(changes) => {
                        let next_change = async {
                            tokio::time::sleep(PAUSE_AFTER_CHANGE).await;
                            // It fails only if there is no table any more, and the token has it.
                            let _ = changes.changed().await;
                        };
                        first_of(sleep, next_change).await;
                    }
                }
            }
        }
    }

    /// RFC 7519 §4.1.4, as when the token was validated.
    pub(crate) fn has_expired(&self, now: SystemTime) -> bool {
        NumericDate::from(now) >= self.end()
    }

    /// Whether it has expired or is revoked by now: whether [`expires`](Self::expires) would complete at once.
    pub(crate) fn is_over(&self) -> bool {
        self.has_expired(self.0.time.clock.now()) || self.is_revoked()
    }

    /// Whether it is [revoked](crate::revocation). This costs a load, unless something was revoked since the last time.
    pub(crate) fn is_revoked(&self) -> bool {
        let Some(table) = &self.0.revocations else { return false };
        if self.0.checked_at.load(Ordering::Relaxed) == table.epoch() {
            return false;
        }
        let Some(epoch) = table.epoch_without(&self.facts()) else { return true };
        self.0.checked_at.store(epoch, Ordering::Relaxed);
        false
    }

    /// Whether it is revoked in such a way that a new answer of its issuer would change nothing: its session has ended, or it was itself revoked.
    #[cfg(feature = "introspection")]
    pub(crate) fn is_revoked_whatever_its_issuer_says(&self) -> bool {
        let facts = TokenFacts { issued: Issued::Confirmed(f64::INFINITY), ..self.facts() };
        self.0.revocations.as_ref().is_some_and(|table| table.holds(&facts))
    }

    /// What a revocation compares.
    fn facts(&self) -> TokenFacts<'_> {
        let issued = match (self.0.asked_at, self.0.validity.iat) {
            (Some(asked), _) => Issued::Confirmed(asked.seconds()),
            (None, Some(iat)) => Issued::At(iat.seconds()),
            // A rule refuses such a token. It may be of any age.
            (None, None) => Issued::At(f64::NEG_INFINITY),
        };
        TokenFacts {
            issuer: self.issuer(),
            session: self.session_id(),
            id: self.id(),
            subject: self.subject(),
            client: self.client_id(),
            issued,
        }
    }

    /// `exp` and the leeway.
    fn end(&self) -> NumericDate {
        self.0.validity.exp.plus(self.0.time.leeway)
    }
}

/// Completes when one of them does.
async fn first_of(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|cx| if one.as_mut().poll(cx).is_ready() { Poll::Ready(()) } else { other.as_mut().poll(cx) }).await;
}
