//! How the file is written, and what happens if it cannot be.

use std::fs;
use std::time::Duration;

use serde_json::json;
use tower_bearer::Issuer;
use tower_bearer::keys::{KeySource, RemoteKeys};
use tower_bearer::testing::{Endpoint, Fault};

use super::{World, in_log, until, warnings};
use crate::harness::log::logged;
use crate::harness::{current_thread_runtime, good, small_issuer};

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_and_write_the_file() {
    use std::os::unix::fs::PermissionsExt;

    let world = World::persisted().await;
    let mode = || fs::metadata(world.path()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    // Also if it was there before, with another mode.
    fs::set_permissions(world.path(), fs::Permissions::from_mode(0o666)).unwrap();
    world.advance(10);
    world.fetch(&world.start()).await;
    assert_eq!(mode(), 0o600);
    assert_eq!(world.folder.names(), ["keys.json"], "nothing else is left");
}

/// A URL may contain the key of an API.
#[tokio::test]
async fn the_file_contains_no_secret_of_the_url() {
    let world = World::new();
    let url = format!("{}?api_key=secret", world.issuer.jwks_url());
    let keys = |url: &str| RemoteKeys::at(url).unwrap().persist(world.path());
    let api = world.start_with(Issuer::keys(world.issuer.url(), keys(&url)).unwrap());
    api.verify(&world.token()).await.unwrap();
    until(|| world.file().is_some()).await;
    let content = fs::read_to_string(world.path()).unwrap();
    assert!(content.contains("?api_key=…") && !content.contains("secret"), "{content}");
    assert!(keys(&url).seed().is_some());
    assert!(keys(&url.replace("secret", "other")).seed().is_none(), "the whole URL counts");
}

/// The largest document, of characters that are escaped.
#[tokio::test]
async fn a_key_set_of_any_size_and_spelling_can_be_persisted() {
    let world = World::new();
    let set = world.issuer.jwks().to_string();
    let padding = "\n".repeat(256 * 1024 - set.len());
    let spelled = set.replacen('{', "{\"\\u0000\\t\":\"\\\"\u{1f511}\",", 1);
    for document in [format!("{set}{padding}"), spelled] {
        world.advance(10);
        world.issuer.fail(Endpoint::Jwks, Fault::Body(document.clone().into_bytes()));
        let api = world.start();
        world.fetch(&api).await;
        assert_eq!(world.file().unwrap()["jwks"], document);
        world.issuer.fail(Endpoint::Jwks, Fault::Disconnect);
        world.start().try_verify(&world.token()).unwrap();
    }
}

#[test]
fn a_key_set_that_is_not_utf_8_is_used_and_not_persisted() {
    let world = World::new();
    let set = world.issuer.jwks().to_string().replacen('{', "{\"x\":\"?\",", 1);
    let bytes = set.bytes().map(|byte| if byte == b'?' { 0xff } else { byte }).collect();
    world.issuer.fail(Endpoint::Jwks, Fault::Body(bytes));
    let log = logged(|| {
        current_thread_runtime().block_on(async {
            world.start().verify(&world.token()).await.unwrap();
        });
    })
    .1;
    assert!(warnings(&log)[0].contains("the key set is not UTF-8 text"), "{log}");
    assert!(world.file().is_none());
}

/// Neither a flood of warnings nor a refused token.
#[test]
fn a_file_that_cannot_be_written_is_one_warning() {
    let world = World::new();
    let folder = world.folder.0.join("later");
    let path = folder.join("keys.json");
    let ((), log) = logged(|| {
        current_thread_runtime().block_on(async {
            let api = world.start_with(world.issuer.issuer().persist_keys(&path));
            for round in 0..8 {
                if round == 5 {
                    fs::create_dir(&folder).unwrap();
                }
                api.verify(&world.token()).await.unwrap();
                until(|| api.status()[0].fetches > round).await;
                // Until it has been written, or not.
                tokio::time::sleep(Duration::from_millis(50)).await;
                world.advance(550);
            }
        });
    });
    let told = warnings(&log);
    assert!(told.len() == 1 && told[0].contains("the keys cannot be persisted"), "{log}");
    assert!(told[0].contains(&in_log(&path)) && told[0].contains("No such file or directory"), "{log}");
    assert!(told[0].contains("there is no file"), "{log}");
    assert_eq!(log.matches("the keys can be persisted again").count(), 1, "{log}");
    assert_eq!(log.matches("the keys still cannot be persisted").count(), 4, "{log}");
    assert!(path.is_file());
}

/// Servers of several processes, and a reader that never finds a part of a file.
#[test]
fn a_file_with_several_writers_is_whole_at_every_moment() {
    let world = World::new();
    current_thread_runtime().block_on(world.fetch(&world.start()));
    let keys = || RemoteKeys::discover(world.issuer.url()).unwrap().persist(world.path());
    std::thread::scope(|scope| {
        let write = || {
            current_thread_runtime().block_on(async {
                for _ in 0..25 {
                    let api = world.start();
                    api.verify(&world.token()).await.unwrap();
                    until(|| api.status()[0].fetches > 0).await;
                    world.advance(1);
                }
            });
        };
        let writers: Vec<_> = (0..4).map(|_| scope.spawn(write)).collect();
        let mut reads = 0;
        while !writers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            assert!(keys().seed().is_some(), "after {reads} whole files");
            reads += 1;
        }
        assert!(reads > 0);
    });
    assert_eq!(world.folder.names(), ["keys.json"]);
    assert!(world.file().unwrap()["as_of"].as_u64().unwrap() > super::START);
}

/// Each call has a runtime of its own, which ends with the call.
#[test]
fn keys_are_persisted_although_runtimes_end() {
    let world = World::new();
    let api = world.start();
    for round in 0..20 {
        current_thread_runtime().block_on(api.verify(&world.token())).unwrap();
        world.advance(600);
        if round > 0 && world.file().is_some() {
            return;
        }
    }
    panic!("the keys were never persisted");
}

/// The keys of an issuer that withdraws them all are persisted as well.
#[tokio::test]
async fn every_answer_is_persisted_and_no_failure_is() {
    let world = World::new();
    let api = world.start();
    world.fetch(&api).await;
    world.issuer.fail(Endpoint::Jwks, Fault::Body(b"<html>".to_vec()));
    world.advance(550);
    let before = fs::read(world.path()).unwrap();
    api.verify(&world.token()).await.unwrap();
    until(|| api.status()[0].failures > 0).await;
    assert_eq!(fs::read(world.path()).unwrap(), before);
    world.issuer.recover();
    world.issuer.set_jwks(json!({ "keys": [] }));
    world.advance(10);
    api.try_verify(&good(&world.issuer).signed_by(&small_issuer()).sign()).unwrap_err();
    until(|| world.file().unwrap()["jwks"] == r#"{"keys":[]}"#).await;
}
