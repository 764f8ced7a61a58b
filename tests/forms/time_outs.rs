//! The time-outs of a fetch.

use std::time::Duration;

use tokio::time::Instant;
use tower_bearer::keys::{FetchError, FetchFuture, FetchRequest, KeySource, RemoteKeys};
use tower_bearer::testing::{Endpoint, Fault, TestIssuer};
use tower_bearer::{Issuer, ResourceServer};

use crate::harness::{AUDIENCE, good, small_issuer};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn remote(issuer: &TestIssuer) -> RemoteKeys {
    RemoteKeys::at(&issuer.jwks_url()).unwrap()
}

fn api(issuer: &TestIssuer, source: impl KeySource) -> ResourceServer {
    ResourceServer::builder(AUDIENCE).trust(Issuer::keys(issuer.url(), source).unwrap()).build().unwrap()
}

fn last_error(api: &ResourceServer) -> Option<FetchError> {
    api.status().into_iter().next().unwrap().last_error
}

#[test]
fn time_outs_have_a_range() {
    let issuer = small_issuer();
    let timeouts =
        |connect, total| remote(&issuer).timeouts(connect, total).map(drop).map_err(|error| error.to_string());
    for (connect, total) in [(SECOND, 5 * SECOND), (MILLISECOND, 100 * MILLISECOND), (9 * SECOND, 9 * SECOND)] {
        assert_eq!(timeouts(connect, total), Ok(()));
    }
    for (connect, total) in [
        (MILLISECOND, 99 * MILLISECOND),
        (SECOND, 9 * SECOND + MILLISECOND),
        (Duration::ZERO, SECOND),
        (SECOND + MILLISECOND, SECOND),
        (SECOND, Duration::MAX),
    ] {
        assert_eq!(
            timeouts(connect, total),
            Err(format!(
                "the timeouts are {connect:?} to connect and {total:?} in total, expected 100ms to 9s in total and, to connect, above zero and at most the total"
            ))
        );
    }
}

/// The test's time passes only while every task waits.
#[tokio::test(start_paused = true)]
async fn a_fetch_ends_after_the_time_that_was_set() {
    for total in [100 * MILLISECOND, 3 * SECOND, 9 * SECOND] {
        let issuer = small_issuer();
        issuer.fail(Endpoint::Jwks, Fault::Hang);
        let api = api(&issuer, remote(&issuer).timeouts(100 * MILLISECOND, total).unwrap());
        let began = Instant::now();
        api.verify(&good(&issuer).sign()).await.unwrap_err();
        // A request waits for 6 seconds at most.
        let waited = began.elapsed();
        assert!(waited >= total.min(6 * SECOND) && waited < total.min(6 * SECOND) + SECOND, "{waited:?} of {total:?}");
        tokio::time::sleep_until(began + total + SECOND / 4).await;
        let Some(FetchError::Timeout { limit, .. }) = last_error(&api) else { panic!("{:?}", last_error(&api)) };
        assert_eq!(limit, total);
    }
}

/// A source that never answers, with a limit of its own.
struct Silent(Duration);

impl KeySource for Silent {
    fn fetch<'a>(&'a self, _: FetchRequest<'a>) -> FetchFuture<'a> {
        Box::pin(std::future::pending())
    }

    fn time_limit(&self) -> Duration {
        self.0
    }
}

/// What exceeds the longest limit would outlast the time after which a fetch counts as lost.
#[tokio::test(start_paused = true)]
async fn a_source_has_a_time_limit_of_at_most_nine_and_a_half_seconds() {
    let issuer = small_issuer();
    for (stated, limit) in
        [(SECOND, SECOND), (9500 * MILLISECOND, 9500 * MILLISECOND), (60 * SECOND, 9500 * MILLISECOND)]
    {
        let api = api(&issuer, Silent(stated));
        let began = Instant::now();
        api.verify(&good(&issuer).sign()).await.unwrap_err();
        tokio::time::sleep_until(began + limit - 10 * MILLISECOND).await;
        if limit > SECOND {
            assert_eq!(last_error(&api), None);
        }
        tokio::time::sleep_until(began + limit + 100 * MILLISECOND).await;
        assert_eq!(last_error(&api).unwrap().to_string(), format!("the key source did not answer within {limit:?}"));
    }
}
