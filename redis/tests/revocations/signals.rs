//! What the issuer pushes to one node, the others refuse.

use std::time::Instant;

use http::StatusCode;

use crate::harness::{Fleet, GOAL, Receiver, failures_of, kill_redis_while_revoking, until_async};

#[tokio::test]
async fn a_pushed_event_is_in_the_stream_when_it_is_acknowledged_and_comes_to_the_other_node() {
    let fleet = Fleet::start(&[]);
    let (one, other) = (fleet.node().await, fleet.node().await);
    let receiver = Receiver::of(&one, &fleet);
    let innocent = fleet.token_of_both("innocent");
    for n in 0..100 {
        let sub = format!("user {n}");
        let token = fleet.token_of_both(&sub);
        assert!(!one.refuses(&token).await && !other.refuses(&token).await, "{n}");
        let pushed = Instant::now();
        assert_eq!(receiver.push(&receiver.event(&sub)).await, StatusCode::ACCEPTED);
        let names = fleet.names_in_stream();
        assert_eq!((names.len(), names.last()), (n + 1, Some(&sub)));
        assert!(one.refuses(&token).await, "{n}");
        other.until_refused(&token).await;
        assert!(pushed.elapsed() <= GOAL, "{n}: {:?}", pushed.elapsed());
    }
    assert!(!one.refuses(&innocent).await && !other.refuses(&innocent).await);
}

/// The issuer sends it again later, to any node.
#[tokio::test]
async fn an_event_that_cannot_be_stored_is_not_acknowledged() {
    let mut fleet = Fleet::start(&[]);
    let (one, other) = (fleet.node().await, fleet.node().await);
    let token = fleet.token_of_both("alice");
    let receivers = [Receiver::of(&one, &fleet), Receiver::of(&other, &fleet)];
    let event = receivers[0].event("alice");
    fleet.redis.kill();
    assert_eq!(receivers[0].push(&event).await, StatusCode::SERVICE_UNAVAILABLE);
    assert!(one.refuses(&token).await && !other.refuses(&token).await);
    assert!(fleet.redis.run());
    assert!(fleet.names_in_stream().is_empty());
    until_async("it is acknowledged", async || receivers[1].acknowledges(&event).await).await;
    assert_eq!(fleet.names_in_stream(), ["alice"]);
    assert!(other.refuses(&token).await);
}

/// An issuer sends again what is not acknowledged. No event is acknowledged that others do not get.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_killed_and_started_again_while_ten_thousand_events_are_pushed() {
    kill_redis_while_revoking(|fleet, node| {
        let receiver = Receiver::of(node, fleet);
        move |name| {
            let (receiver, event) = (receiver.clone(), receiver.event(&name));
            failures_of(async move || receiver.acknowledges(&event).await)
        }
    })
    .await;
}
