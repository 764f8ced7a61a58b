//! Connections are kept, and end with their runtime.

use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::stub::ok;
use super::*;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[tokio::test]
async fn one_connection_serves_requests_one_after_the_other() {
    let stub = Stub::answering(ok("{}"));
    let endpoint = endpoint(&stub, basic());
    for _ in 0..20 {
        json(endpoint.ask("t", &MovedClock::new()).await);
    }
    assert_eq!((stub.requests().len(), stub.connections()), (20, 1));
}

#[tokio::test]
async fn requests_at_once_have_connections_of_their_own_and_leave_them_to_the_next() {
    let stub = Stub::start(|exchange| {
        thread::sleep(Duration::from_millis(50));
        exchange.send(&ok("{}"));
    });
    let endpoint = endpoint(&stub, basic());
    let clock = MovedClock::new();
    for _ in 0..3 {
        let (a, b) = tokio::join!(endpoint.ask("a", &clock), endpoint.ask("b", &clock));
        json(a);
        json(b);
    }
    assert_eq!((stub.requests().len(), stub.connections()), (6, 2));
}

#[test]
fn a_connection_ends_with_its_runtime_and_the_next_request_opens_a_new_one() {
    let stub = Stub::answering(ok("{}"));
    let endpoint = endpoint(&stub, basic());
    for number in 1..=3 {
        let runtime = runtime();
        for _ in 0..2 {
            json(runtime.block_on(endpoint.ask("t", &MovedClock::new())));
        }
        assert_eq!(stub.connections(), number);
    }
}

/// Many servers close an idle connection after 5 seconds, and the next request may already be under way.
#[tokio::test]
async fn a_kept_connection_that_breaks_is_replaced() {
    let stub = Stub::start(|exchange| match exchange.before {
        1 => exchange.close(),
        _ => exchange.send(&ok("{}")),
    });
    let endpoint = endpoint(&stub, basic());
    for _ in 0..2 {
        json(endpoint.ask("t", &MovedClock::new()).await);
    }
    assert_eq!((stub.requests().len(), stub.connections()), (3, 2));
}

/// The first request has a new connection, and a request whose connection breaks twice is not sent a third time.
#[tokio::test]
async fn a_connection_that_breaks_again_is_an_error() {
    let stub = Stub::start(|exchange| match exchange.before {
        0 => exchange.send(&ok("{}")),
        _ => exchange.close(),
    });
    let endpoint = endpoint(&stub, basic());
    json(endpoint.ask("t", &MovedClock::new()).await);
    let error = endpoint.ask("t", &MovedClock::new()).await.unwrap_err();
    assert!(matches!(error, IntrospectionError::Request { .. }) && !error.is_outage(), "{error:?}");
    assert_eq!(stub.requests().len(), 3);

    let stub = Stub::start(|exchange| {
        exchange.close();
    });
    let endpoint = super::endpoint(&stub, basic());
    let error = endpoint.ask("t", &MovedClock::new()).await.unwrap_err();
    assert!(matches!(error, IntrospectionError::Request { .. }), "{error:?}");
    assert_eq!(stub.requests().len(), 1);
}
