//! A server that is told to stop answers the requests that wait for keys.

use axum::Router;
use axum::http::StatusCode;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::time::{sleep, timeout};

use crate::harness::app;
use crate::harness::memory_source::{Fetch, INSTANT, MINUTE, Setup, keys};

#[tokio::test]
async fn a_request_that_waits_for_keys_is_answered_after_the_shutdown_has_begun() {
    let (open, gate) = watch::channel(false);
    let setup = Setup::new(|issuer| Fetch::Gate(keys(issuer), gate));
    let app: Router = app(&setup.api);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = axum::serve(listener, app).with_graceful_shutdown(async move { stopped.await.unwrap() });
    let serving = tokio::spawn(serving.into_future());

    let client = reqwest::Client::builder().no_proxy().timeout(MINUTE).build().unwrap();
    let request = client.get(format!("http://{address}/me")).bearer_auth(setup.token());
    let answer = tokio::spawn(async move { request.send().await.unwrap().status() });
    while setup.source.fetches() == 0 {
        sleep(INSTANT).await;
    }
    stop.send(()).unwrap();
    while TcpStream::connect(address).await.is_ok() {
        sleep(INSTANT).await;
    }
    assert!(!answer.is_finished() && !serving.is_finished());

    open.send(true).unwrap();
    assert_eq!(answer.await.unwrap(), StatusCode::OK);
    // The background refresh goes on, and nothing waits for it.
    timeout(MINUTE, serving).await.unwrap().unwrap().unwrap();
}
