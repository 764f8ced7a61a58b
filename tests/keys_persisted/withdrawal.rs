//! A key that was withdrawn before the process ended is not back after its restart.

use std::fs;

use serde_json::json;
use tower_bearer::keys::{KeySource, RemoteKeys};
use tower_bearer::validation::{TokenError, VerifyError};
use tower_bearer::{Issuer, ResourceServer};

use super::{World, until, warnings};
use crate::harness::log::logged;
use crate::harness::{current_thread_runtime, good, small_issuer};

const LIFETIME: u64 = 600;

/// Has the server notice that the keys have changed: a bad signature starts a fetch.
async fn notice(world: &World, api: &ResourceServer) {
    let forged = good(&world.issuer).signed_by(&small_issuer()).sign();
    world.advance(10);
    api.try_verify(&forged).unwrap_err();
    world.is_persisted(0).await;
}

#[tokio::test]
async fn a_key_that_was_withdrawn_before_the_restart_stays_withdrawn() {
    let world = World::new();
    let api = world.start();
    world.fetch(&api).await;
    let old = world.token();
    let of_other_name = small_issuer();
    of_other_name.rotate();
    let replacements = [
        (of_other_name.jwks(), true),
        (json!({ "keys": [] }), false),
        (json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] }), false),
    ];
    for (withdrawn, has_keys) in replacements {
        world.issuer.recover();
        world.issuer.set_jwks(world.issuer.jwks());
        let api = world.start();
        world.advance(60);
        world.fetch(&api).await;
        world.issuer.set_jwks(&withdrawn);
        notice(&world, &api).await;
        world.goes_down();
        let restarted = world.start();
        for _ in 0..2 {
            match restarted.verify(&old).await {
                Err(VerifyError::Token(TokenError::UnknownKey { .. })) if has_keys => {}
                Err(VerifyError::KeysUnavailable { .. }) if !has_keys => {}
                other => panic!("{withdrawn}: {other:?}"),
            }
        }
        assert!(restarted.status()[0].age.is_some(), "{withdrawn}: the set is known");
    }
}

/// The first answer after the restart comes from a cache that is older than the file.
#[tokio::test]
async fn an_outdated_cache_brings_no_key_back_after_a_restart() {
    for withdrawn in [small_issuer().jwks(), json!({ "keys": [] })] {
        let world = World::new();
        let api = world.start();
        world.fetch(&api).await;
        let old = world.token();
        world.issuer.set_jwks(&withdrawn);
        world.advance(300);
        notice(&world, &api).await;

        world.issuer.set_jwks(world.issuer.jwks());
        world.issuer.set_age(200);
        world.advance(10);
        let restarted = world.start();
        restarted.verify(&old).await.unwrap_err();
        until(|| restarted.status()[0].fetches > 0).await;
        restarted.verify(&old).await.unwrap_err();
        assert_eq!(world.as_of(), Some(world.now() - 10), "{withdrawn}");
    }
}

/// An old process and a new one share the file for a while, and one of them gets an outdated answer.
#[tokio::test]
async fn newer_keys_in_the_file_are_not_replaced_by_older_ones() {
    let world = World::new();
    let old = world.start();
    world.fetch(&old).await;
    world.advance(300);
    world.fetch(&world.start()).await;
    let newer = fs::read(world.path()).unwrap();

    world.issuer.set_age(200);
    world.advance(100);
    old.try_verify(&good(&world.issuer).signed_by(&small_issuer()).sign()).unwrap_err();
    until(|| old.status()[0].age.is_some_and(|age| [200, 201].contains(&age.as_secs()))).await;
    // It writes nothing, so there is nothing to wait for but the thread.
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(fs::read(world.path()).unwrap(), newer, "as of 300 s, and not of 200 s");

    // When the newer keys are stale, older ones are better than none.
    world.issuer.set_age(700);
    world.advance(LIFETIME);
    old.verify(&world.token()).await.unwrap();
    world.is_persisted(700).await;
}

/// The file may hold keys that have been withdrawn since, so it is removed if the new one cannot be written.
#[test]
fn a_file_that_cannot_be_replaced_is_removed() {
    let runtime = current_thread_runtime();
    let world = runtime.block_on(World::persisted());
    world.advance(10);
    // The name is good for a file, and too long for the name of a temporary file beside it.
    let path = world.folder.0.join("k".repeat(250));
    fs::copy(world.path(), &path).unwrap();
    let keys = || RemoteKeys::discover(world.issuer.url()).unwrap().persist(&path);
    assert!(keys().seed().is_some());
    let api = world.start_with(Issuer::keys(world.issuer.url(), keys()).unwrap());
    let ((), log) = logged(|| {
        runtime.block_on(async {
            api.verify(&world.token()).await.unwrap();
            until(|| !path.exists()).await;
            world.advance(550);
            api.verify(&world.token()).await.unwrap();
            until(|| api.status()[0].fetches > 1).await;
        });
        drop(runtime);
    });
    assert!(keys().seed().is_none());
    let told = warnings(&log);
    assert!(told.len() == 1 && told[0].contains("the file before was removed"), "{log}");
}
