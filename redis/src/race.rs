use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Completes when one of them does, and drops the other. If both are ready the first one counts.
pub(crate) async fn race(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|cx| {
        if one.as_mut().poll(cx).is_ready() || other.as_mut().poll(cx).is_ready() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}
