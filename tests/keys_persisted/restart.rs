//! For how long persisted keys are used, and what happens to them when the issuer answers.

use std::fs;
use std::time::Duration;

use tower_bearer::clock::Clock;
use tower_bearer::keys::{FetchFuture, FetchRequest, KeySource, RemoteKeys, Seed};
use tower_bearer::testing::{Endpoint, Fault};
use tower_bearer::validation::{TokenError, VerifyError};
use tower_bearer::{AccessToken, Issuer, ResourceServer};

use super::{Deployment, until};
use crate::harness::{app, fetches, good, present};

const LIFETIME: u64 = 600;
const GRACE: u64 = 3600;

fn is_unavailable(verdict: &Result<AccessToken, VerifyError>) -> bool {
    matches!(verdict, Err(VerifyError::KeysUnavailable { .. }))
}

fn seconds(duration: Option<Duration>) -> Option<u64> {
    duration.map(|duration| duration.as_secs())
}

/// Row I10.
#[tokio::test]
async fn fresh_keys_serve_at_once_after_a_restart_during_an_outage() {
    let deployment = Deployment::persisted().await;
    deployment.goes_down();
    deployment.advance(LIFETIME - 1);
    let api = deployment.start();
    api.try_verify(&deployment.token()).unwrap();
    let status = api.status().remove(0);
    assert_eq!((seconds(status.age), seconds(status.lifetime)), (Some(LIFETIME - 1), Some(LIFETIME)));
    assert!(api.is_ready() && status.is_usable);
    present(&app(&api), &deployment.token()).await.assert_ok();
}

/// The first request waits for the attempt that fails, and no longer than a second for one that is not answered.
/// Row I10.
#[tokio::test]
async fn stale_keys_serve_after_a_restart_only_while_the_issuer_cannot_be_reached() {
    for fault in [Fault::Disconnect, Fault::Status(500), Fault::Hang] {
        let deployment = Deployment::persisted().await;
        deployment.advance(LIFETIME);
        let api = deployment.start();
        for endpoint in [Endpoint::OAuthMetadata, Endpoint::OpenIdMetadata, Endpoint::Jwks] {
            deployment.issuer.fail(endpoint, fault.clone());
        }
        assert!(!api.status()[0].is_usable, "{fault:?}");
        assert!(is_unavailable(&api.try_verify(&deployment.token())), "{fault:?}: there is no evidence yet");
        api.verify(&deployment.token()).await.unwrap();
        api.try_verify(&deployment.token()).unwrap();
    }
    // The issuer has withdrawn the key, and answers: nothing is served before the answer.
    let deployment = Deployment::persisted().await;
    let old = deployment.token();
    deployment.issuer.rotate();
    deployment.advance(LIFETIME);
    let api = deployment.start();
    api.verify(&old).await.unwrap_err();
    api.verify(&deployment.token()).await.unwrap();
}

/// Row I10.
#[tokio::test]
async fn persisted_keys_end_an_hour_past_their_lifetime_whenever_the_process_restarts() {
    for restart in [0, 300, LIFETIME, 3000, LIFETIME + GRACE - 1] {
        let deployment = Deployment::persisted().await;
        deployment.goes_down();
        deployment.advance(restart);
        let api = deployment.start();
        deployment.advance(LIFETIME + GRACE - 1 - restart);
        api.verify(&deployment.token()).await.unwrap();
        deployment.advance(1);
        assert!(is_unavailable(&api.verify(&deployment.token()).await), "{restart}");
        assert!(
            is_unavailable(&deployment.start().verify(&deployment.token()).await),
            "{restart}: nor after one more restart"
        );
    }
}

#[tokio::test]
async fn restarts_and_failures_do_not_make_persisted_keys_younger() {
    let deployment = Deployment::persisted().await;
    deployment.goes_down();
    let file = fs::read(deployment.path()).unwrap();
    for at in [100, 200, 300] {
        deployment.advance(100);
        let api = deployment.start();
        api.verify(&deployment.token()).await.unwrap();
        until(|| api.status()[0].failures > 0).await;
        assert_eq!(seconds(api.status()[0].age), Some(at));
        assert_eq!(fs::read(deployment.path()).unwrap(), file, "{at}");
    }
}

#[tokio::test]
async fn both_clocks_count_after_a_restart() {
    let deployment = Deployment::persisted().await;
    deployment.goes_down();
    deployment.advance(300);
    let (suspended, set_back) = (deployment.start(), deployment.start());
    let restart = deployment.clock.now();
    deployment.clock.set(restart + Duration::from_secs(300));
    assert!(is_unavailable(&suspended.try_verify(&deployment.token())), "by the time of day");
    deployment.clock.set(restart);
    deployment.advance(300);
    deployment.clock.set(restart);
    assert!(is_unavailable(&set_back.try_verify(&deployment.token())), "by the monotonic clock");
}

/// Row I7.
#[tokio::test]
async fn the_time_in_a_cache_and_the_stated_lifetime_survive_a_restart() {
    // What `max-age` and `Age` say, and for how long from the fetch the keys are fresh.
    for (max_age, age, lifetime) in
        [(1500, 1000, 500), (90, 0, 90), (86_400, 0, 3600), (10, 5, 60), (90_000, 80_000, 3600)]
    {
        let deployment = Deployment::new();
        deployment.issuer.set_cache_control(&format!("max-age={max_age}"));
        deployment.issuer.set_age(age);
        let api = deployment.start();
        api.verify(&deployment.token()).await.unwrap();
        deployment.is_persisted(age).await;
        deployment.goes_down();
        deployment.advance(lifetime - 1);
        let restarted = deployment.start();
        restarted.try_verify(&deployment.token()).unwrap();
        let (before, after) = (api.status().remove(0), restarted.status().remove(0));
        assert_eq!((seconds(before.age), before.lifetime), (seconds(after.age), after.lifetime), "{max_age} {age}");
        deployment.advance(1);
        assert!(is_unavailable(&deployment.start().try_verify(&deployment.token())), "{max_age} {age}");
    }
}

/// Row I9.
#[tokio::test]
async fn the_first_look_up_asks_the_issuer_although_the_keys_are_fresh() {
    let deployment = Deployment::persisted().await;
    let old = deployment.token();
    deployment.issuer.rotate();
    deployment.advance(10);
    let before = fetches(&deployment.issuer);
    let api = deployment.start();
    assert_eq!(fetches(&deployment.issuer), before, "building fetches nothing");
    api.try_verify(&old).unwrap();
    deployment.is_persisted(0).await;
    api.verify(&deployment.token()).await.unwrap();
    let verdict = api.verify(&old).await;
    assert!(
        matches!(verdict, Err(VerifyError::Token(TokenError::UnknownKey { .. }) | VerifyError::TooManyRequests { .. })),
        "{verdict:?}"
    );
    // A new key is known after that fetch, too.
    let other = Deployment::persisted().await;
    other.issuer.rotate();
    other.advance(10);
    other.start().verify(&other.token()).await.unwrap();
}

#[tokio::test]
async fn a_confirmation_of_unchanged_keys_makes_the_file_younger() {
    let deployment = Deployment::new();
    let api = deployment.start();
    deployment.fetch(&api).await;
    let document = deployment.file().unwrap()["jwks"].clone();
    for _ in 0..2 {
        deployment.advance(550);
        deployment.fetch(&api).await;
    }
    assert_eq!(deployment.issuer.not_modified(Endpoint::Jwks), 2);
    assert_eq!(deployment.file().unwrap()["jwks"], document);
    deployment.goes_down();
    deployment.advance(LIFETIME - 1);
    deployment.start().try_verify(&deployment.token()).unwrap();
}

#[test]
fn persisted_keys_need_no_runtime_while_they_are_fresh() {
    let deployment = crate::harness::current_thread_runtime().block_on(Deployment::persisted());
    deployment.advance(LIFETIME - 1);
    let api = deployment.start();
    api.try_verify(&deployment.token()).unwrap();
    api.try_verify(&deployment.token()).unwrap();
    deployment.advance(1);
    assert!(is_unavailable(&api.try_verify(&deployment.token())));
}

/// 401 would make the client discard a token that may be good.
/// Row I9.
#[tokio::test]
async fn a_token_with_a_key_of_the_downtime_is_not_refused() {
    let deployment = Deployment::persisted().await;
    deployment.advance(100);
    deployment.issuer.rotate();
    deployment.goes_down();
    let api = deployment.start();
    let as_of = deployment.as_of().unwrap();
    for (issued, is_refused) in [(as_of - 31, true), (as_of - 29, false), (as_of + 50, false), (as_of + 100, false)] {
        let verdict = api.verify(&good(&deployment.issuer).claim("iat", issued).sign()).await;
        let unknown = matches!(verdict, Err(VerifyError::Token(TokenError::UnknownKey { .. })));
        assert_eq!((unknown, is_unavailable(&verdict)), (is_refused, !is_refused), "{issued}: {verdict:?}");
    }
}

/// A source of the application's that wraps the keys.
struct Wrapped(RemoteKeys);

impl KeySource for Wrapped {
    fn fetch<'a>(&'a self, request: FetchRequest<'a>) -> FetchFuture<'a> {
        self.0.fetch(request)
    }

    fn seed(&self) -> Option<Seed> {
        self.0.seed()
    }
}

#[tokio::test]
async fn every_way_to_persist_the_keys_does_the_same() {
    let remote = |deployment: &Deployment| RemoteKeys::at(&deployment.issuer.jwks_url()).unwrap();
    let ways: [fn(&Deployment, RemoteKeys) -> Issuer; 5] = [
        |deployment, keys| Issuer::keys(deployment.issuer.url(), keys.persist(deployment.path())).unwrap(),
        |deployment, keys| Issuer::keys(deployment.issuer.url(), keys).unwrap().persist_keys(deployment.path()),
        |deployment, keys| deployment.issuer.issuer().keys_from(keys).persist_keys(deployment.path()),
        |deployment, keys| deployment.issuer.issuer().persist_keys(deployment.path()).keys_from(keys),
        |deployment, keys| Issuer::keys(deployment.issuer.url(), Wrapped(keys.persist(deployment.path()))).unwrap(),
    ];
    for (at, way) in ways.into_iter().enumerate() {
        let deployment = Deployment::new();
        let server = || -> ResourceServer { deployment.start_with(way(&deployment, remote(&deployment))) };
        let api = server();
        api.verify(&deployment.token()).await.unwrap();
        until(|| deployment.file().is_some()).await;
        deployment.goes_down();
        server().try_verify(&deployment.token()).unwrap();
        assert!(
            deployment.start().try_verify(&deployment.token()).is_err(),
            "{at}: those of the metadata are of another source"
        );
    }
}

/// The path that the issuer says replaces that of its keys.
#[tokio::test]
async fn the_path_of_the_issuer_counts() {
    let deployment = Deployment::new();
    let keys = RemoteKeys::discover(deployment.issuer.url()).unwrap().persist(deployment.folder.0.join("other.json"));
    let api =
        deployment.start_with(Issuer::keys(deployment.issuer.url(), keys).unwrap().persist_keys(deployment.path()));
    deployment.fetch(&api).await;
    assert_eq!(deployment.folder.names(), ["keys.json"]);
}

#[tokio::test]
async fn the_metrics_of_the_keys_are_those_of_the_file() {
    use metrics_exporter_prometheus::PrometheusBuilder;

    let deployment = Deployment::persisted().await;
    let as_of = deployment.as_of().unwrap();
    deployment.advance(60);
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || deployment.start());
    let scrape = recorder.handle().render();
    let url = deployment.issuer.url();
    for line in [
        format!(r#"tower_bearer_keys{{issuer="{url}"}} 1"#),
        format!(r#"tower_bearer_keys_timestamp_seconds{{issuer="{url}"}} {as_of}"#),
    ] {
        assert!(scrape.lines().any(|found| found == line), "{line} in {scrape}");
    }
}
