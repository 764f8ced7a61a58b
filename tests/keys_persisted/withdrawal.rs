//! A key that was withdrawn before the process ended is not back after its restart.

use std::fs;

use serde_json::json;
use tower_bearer::keys::{KeySource, RemoteKeys};
use tower_bearer::validation::{TokenError, VerifyError};
use tower_bearer::{Issuer, ResourceServer};

use super::{Deployment, until, warnings};
use crate::harness::log::{Log, logging};
use crate::harness::{current_thread_runtime, good, small_issuer};

const LIFETIME: u64 = 600;

/// Has the server notice that the keys have changed: a bad signature starts a fetch.
async fn notice(deployment: &Deployment, api: &ResourceServer) {
    let forged = good(&deployment.issuer).signed_by(&small_issuer()).sign();
    deployment.advance(10);
    api.try_verify(&forged).unwrap_err();
    deployment.is_persisted(0).await;
}

#[tokio::test]
async fn a_key_that_was_withdrawn_before_the_restart_stays_withdrawn() {
    let deployment = Deployment::new();
    let api = deployment.start();
    deployment.fetch(&api).await;
    let old = deployment.token();
    let of_other_name = small_issuer();
    of_other_name.rotate();
    let replacements = [
        (of_other_name.jwks(), true),
        (json!({ "keys": [] }), false),
        (json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] }), false),
    ];
    for (withdrawn, has_keys) in replacements {
        deployment.issuer.recover();
        deployment.issuer.set_jwks(deployment.issuer.jwks());
        let api = deployment.start();
        deployment.advance(60);
        deployment.fetch(&api).await;
        deployment.issuer.set_jwks(&withdrawn);
        notice(&deployment, &api).await;
        deployment.goes_down();
        let restarted = deployment.start();
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
        let deployment = Deployment::new();
        let api = deployment.start();
        deployment.fetch(&api).await;
        let old = deployment.token();
        deployment.issuer.set_jwks(&withdrawn);
        deployment.advance(300);
        notice(&deployment, &api).await;

        deployment.issuer.set_jwks(deployment.issuer.jwks());
        deployment.issuer.set_age(200);
        deployment.advance(10);
        let restarted = deployment.start();
        restarted.verify(&old).await.unwrap_err();
        until(|| restarted.status()[0].fetches > 0).await;
        restarted.verify(&old).await.unwrap_err();
        assert_eq!(deployment.as_of(), Some(deployment.now() - 10), "{withdrawn}");
    }
}

/// An old process and a new one share the file for a while, and one of them gets an outdated answer.
#[test]
fn newer_keys_in_the_file_are_not_replaced_by_older_ones() {
    let deployment = Deployment::new();
    let old = deployment.start();
    let story = async |log: &Log| {
        deployment.fetch(&old).await;
        deployment.advance(300);
        deployment.fetch(&deployment.start()).await;
        let newer = fs::read(deployment.path()).unwrap();

        deployment.issuer.set_age(200);
        deployment.advance(100);
        old.try_verify(&good(&deployment.issuer).signed_by(&small_issuer()).sign()).unwrap_err();
        until(|| log.text().matches("the keys are persisted").count() == 3).await;
        assert_eq!(fs::read(deployment.path()).unwrap(), newer, "as of 300 s, and not of 200 s");

        // When the newer keys are stale, older ones are better than none.
        deployment.issuer.set_age(900);
        deployment.advance(LIFETIME);
        old.verify(&deployment.token()).await.unwrap();
        deployment.is_persisted(900).await;
    };
    logging(|log| current_thread_runtime().block_on(story(log)));
}

/// The file may hold keys that have been withdrawn since, so it is removed if the new one cannot be written.
#[test]
fn a_file_that_cannot_be_replaced_is_removed() {
    let runtime = current_thread_runtime();
    let deployment = runtime.block_on(Deployment::persisted());
    deployment.advance(10);
    // The name is good for a file, and too long for the name of a temporary file beside it.
    let path = deployment.folder.0.join("k".repeat(250));
    fs::copy(deployment.path(), &path).unwrap();
    let keys = || RemoteKeys::discover(deployment.issuer.url()).unwrap().persist(&path);
    assert!(keys().seed().is_some());
    let api = deployment.start_with(Issuer::keys(deployment.issuer.url(), keys()).unwrap());
    let log = logging(|log| {
        runtime.block_on(async {
            for round in 1..=2 {
                api.verify(&deployment.token()).await.unwrap();
                until(|| log.text().matches("cannot be persisted").count() == round).await;
                deployment.advance(550);
            }
        });
        log.text()
    });
    assert!(keys().seed().is_none());
    let told = warnings(&log);
    assert!(told.len() == 1 && told[0].contains("the old file was removed"), "{log}");
}
