//! For how long persisted keys are used, and what happens to them when the issuer answers.

use std::fs;
use std::time::Duration;

use tower_bearer::clock::Clock;
use tower_bearer::keys::{FetchFuture, FetchRequest, KeySource, RemoteKeys, Seed};
use tower_bearer::testing::{Endpoint, Fault};
use tower_bearer::validation::{TokenError, VerifyError};
use tower_bearer::{AccessToken, Issuer, ResourceServer};

use super::{World, until};
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
    let world = World::persisted().await;
    world.goes_down();
    world.advance(LIFETIME - 1);
    let api = world.start();
    api.try_verify(&world.token()).unwrap();
    let status = api.status().remove(0);
    assert_eq!((seconds(status.age), seconds(status.lifetime)), (Some(LIFETIME - 1), Some(LIFETIME)));
    assert!(api.is_ready() && status.is_usable);
    present(&app(&api), &world.token()).await.assert_ok();
}

/// The first request waits for the attempt that fails, and no longer than a second for one that is not answered.
/// Row I10.
#[tokio::test]
async fn stale_keys_serve_after_a_restart_only_while_the_issuer_cannot_be_reached() {
    for fault in [Fault::Disconnect, Fault::Status(500), Fault::Hang] {
        let world = World::persisted().await;
        world.advance(LIFETIME);
        let api = world.start();
        for endpoint in [Endpoint::OAuthMetadata, Endpoint::OpenIdMetadata, Endpoint::Jwks] {
            world.issuer.fail(endpoint, fault.clone());
        }
        assert!(!api.status()[0].is_usable, "{fault:?}");
        assert!(is_unavailable(&api.try_verify(&world.token())), "{fault:?}: there is no evidence yet");
        api.verify(&world.token()).await.unwrap();
        api.try_verify(&world.token()).unwrap();
    }
    // The issuer has withdrawn the key, and answers: nothing is served before the answer.
    let world = World::persisted().await;
    let old = world.token();
    world.issuer.rotate();
    world.advance(LIFETIME);
    let api = world.start();
    api.verify(&old).await.unwrap_err();
    api.verify(&world.token()).await.unwrap();
}

/// Row I10.
#[tokio::test]
async fn persisted_keys_end_an_hour_past_their_lifetime_whenever_the_process_restarts() {
    for restart in [0, 300, LIFETIME, 3000, LIFETIME + GRACE - 1] {
        let world = World::persisted().await;
        world.goes_down();
        world.advance(restart);
        let api = world.start();
        world.advance(LIFETIME + GRACE - 1 - restart);
        api.verify(&world.token()).await.unwrap();
        world.advance(1);
        assert!(is_unavailable(&api.verify(&world.token()).await), "{restart}");
        assert!(is_unavailable(&world.start().verify(&world.token()).await), "{restart}: nor after one more restart");
    }
}

#[tokio::test]
async fn restarts_and_failures_do_not_make_persisted_keys_younger() {
    let world = World::persisted().await;
    world.goes_down();
    let file = fs::read(world.path()).unwrap();
    for at in [100, 200, 300] {
        world.advance(100);
        let api = world.start();
        api.verify(&world.token()).await.unwrap();
        until(|| api.status()[0].failures > 0).await;
        assert_eq!(seconds(api.status()[0].age), Some(at));
        assert_eq!(fs::read(world.path()).unwrap(), file, "{at}");
    }
}

#[tokio::test]
async fn both_clocks_count_after_a_restart() {
    let world = World::persisted().await;
    world.goes_down();
    world.advance(300);
    let (suspended, set_back) = (world.start(), world.start());
    let restart = world.clock.now();
    world.clock.set(restart + Duration::from_secs(300));
    assert!(is_unavailable(&suspended.try_verify(&world.token())), "by the time of day");
    world.clock.set(restart);
    world.advance(300);
    world.clock.set(restart);
    assert!(is_unavailable(&set_back.try_verify(&world.token())), "by the monotonic clock");
}

/// Row I7.
#[tokio::test]
async fn the_time_in_a_cache_and_the_stated_lifetime_survive_a_restart() {
    // What `max-age` and `Age` say, and for how long from the fetch the keys are fresh.
    for (max_age, age, lifetime) in
        [(1500, 1000, 500), (90, 0, 90), (86_400, 0, 3600), (10, 5, 60), (90_000, 80_000, 3600)]
    {
        let world = World::new();
        world.issuer.set_cache_control(&format!("max-age={max_age}"));
        world.issuer.set_age(age);
        let api = world.start();
        api.verify(&world.token()).await.unwrap();
        world.is_persisted(age).await;
        world.goes_down();
        world.advance(lifetime - 1);
        let restarted = world.start();
        restarted.try_verify(&world.token()).unwrap();
        let (before, after) = (api.status().remove(0), restarted.status().remove(0));
        assert_eq!((seconds(before.age), before.lifetime), (seconds(after.age), after.lifetime), "{max_age} {age}");
        world.advance(1);
        assert!(is_unavailable(&world.start().try_verify(&world.token())), "{max_age} {age}");
    }
}

/// Row I9.
#[tokio::test]
async fn the_first_look_up_asks_the_issuer_although_the_keys_are_fresh() {
    let world = World::persisted().await;
    let old = world.token();
    world.issuer.rotate();
    world.advance(10);
    let before = fetches(&world.issuer);
    let api = world.start();
    assert_eq!(fetches(&world.issuer), before, "building fetches nothing");
    api.try_verify(&old).unwrap();
    world.is_persisted(0).await;
    api.verify(&world.token()).await.unwrap();
    let verdict = api.verify(&old).await;
    assert!(
        matches!(verdict, Err(VerifyError::Token(TokenError::UnknownKey { .. }) | VerifyError::TooManyRequests { .. })),
        "{verdict:?}"
    );
    // A new key is known after that fetch, too.
    let other = World::persisted().await;
    other.issuer.rotate();
    other.advance(10);
    other.start().verify(&other.token()).await.unwrap();
}

#[tokio::test]
async fn a_confirmation_of_unchanged_keys_makes_the_file_younger() {
    let world = World::new();
    let api = world.start();
    world.fetch(&api).await;
    let document = world.file().unwrap()["jwks"].clone();
    for _ in 0..2 {
        world.advance(550);
        world.fetch(&api).await;
    }
    assert_eq!(world.issuer.not_modified(Endpoint::Jwks), 2);
    assert_eq!(world.file().unwrap()["jwks"], document);
    world.goes_down();
    world.advance(LIFETIME - 1);
    world.start().try_verify(&world.token()).unwrap();
}

#[test]
fn persisted_keys_need_no_runtime_while_they_are_fresh() {
    let world = crate::harness::current_thread_runtime().block_on(World::persisted());
    world.advance(LIFETIME - 1);
    let api = world.start();
    api.try_verify(&world.token()).unwrap();
    api.try_verify(&world.token()).unwrap();
    world.advance(1);
    assert!(is_unavailable(&api.try_verify(&world.token())));
}

/// 401 would make the client discard a token that may be good.
/// Row I9.
#[tokio::test]
async fn a_token_with_a_key_of_the_downtime_is_not_refused() {
    let world = World::persisted().await;
    world.advance(100);
    world.issuer.rotate();
    world.goes_down();
    let api = world.start();
    let as_of = world.as_of().unwrap();
    for (issued, is_refused) in [(as_of - 31, true), (as_of - 29, false), (as_of + 50, false), (as_of + 100, false)] {
        let verdict = api.verify(&good(&world.issuer).claim("iat", issued).sign()).await;
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
    let remote = |world: &World| RemoteKeys::at(&world.issuer.jwks_url()).unwrap();
    let ways: [fn(&World, RemoteKeys) -> Issuer; 5] = [
        |world, keys| Issuer::keys(world.issuer.url(), keys.persist(world.path())).unwrap(),
        |world, keys| Issuer::keys(world.issuer.url(), keys).unwrap().persist_keys(world.path()),
        |world, keys| world.issuer.issuer().keys_from(keys).persist_keys(world.path()),
        |world, keys| world.issuer.issuer().persist_keys(world.path()).keys_from(keys),
        |world, keys| Issuer::keys(world.issuer.url(), Wrapped(keys.persist(world.path()))).unwrap(),
    ];
    for (at, way) in ways.into_iter().enumerate() {
        let world = World::new();
        let server = || -> ResourceServer { world.start_with(way(&world, remote(&world))) };
        let api = server();
        api.verify(&world.token()).await.unwrap();
        until(|| world.file().is_some()).await;
        world.goes_down();
        server().try_verify(&world.token()).unwrap();
        assert!(world.start().try_verify(&world.token()).is_err(), "{at}: those of the metadata are of another source");
    }
}

/// The path that the issuer says replaces that of its keys.
#[tokio::test]
async fn the_path_of_the_issuer_counts() {
    let world = World::new();
    let keys = RemoteKeys::discover(world.issuer.url()).unwrap().persist(world.folder.0.join("other.json"));
    let api = world.start_with(Issuer::keys(world.issuer.url(), keys).unwrap().persist_keys(world.path()));
    world.fetch(&api).await;
    assert_eq!(world.folder.names(), ["keys.json"]);
}

#[tokio::test]
async fn the_metrics_of_the_keys_are_those_of_the_file() {
    use metrics_exporter_prometheus::PrometheusBuilder;

    let world = World::persisted().await;
    let as_of = world.as_of().unwrap();
    world.advance(60);
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || world.start());
    let scrape = recorder.handle().render();
    let url = world.issuer.url();
    for line in [
        format!(r#"tower_bearer_keys{{issuer="{url}"}} 1"#),
        format!(r#"tower_bearer_keys_timestamp_seconds{{issuer="{url}"}} {as_of}"#),
    ] {
        assert!(scrape.lines().any(|found| found == line), "{line} in {scrape}");
    }
}
