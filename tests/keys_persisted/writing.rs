//! How the file is written, and what happens if it cannot be.

use std::fs;

use serde_json::json;
use tower_bearer::Issuer;
use tower_bearer::keys::{KeySource, RemoteKeys};
use tower_bearer::testing::{Endpoint, Fault};

use super::{Deployment, in_log, until, warnings};
use crate::harness::log::logging;
use crate::harness::{current_thread_runtime, good, small_issuer};

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_and_write_the_file() {
    use std::os::unix::fs::PermissionsExt;

    let deployment = Deployment::persisted().await;
    let mode = || fs::metadata(deployment.path()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    // Also if it was there before, with another mode.
    fs::set_permissions(deployment.path(), fs::Permissions::from_mode(0o666)).unwrap();
    deployment.advance(10);
    deployment.fetch(&deployment.start()).await;
    assert_eq!(mode(), 0o600);
    assert_eq!(deployment.folder.names(), ["keys.json"], "nothing else is left");
}

/// A URL may contain the key of an API.
#[tokio::test]
async fn the_file_contains_no_secret_of_the_url() {
    let deployment = Deployment::new();
    let url = format!("{}?api_key=secret", deployment.issuer.jwks_url());
    let keys = |url: &str| RemoteKeys::at(url).unwrap().persist(deployment.path());
    let api = deployment.start_with(Issuer::keys(deployment.issuer.url(), keys(&url)).unwrap());
    api.verify(&deployment.token()).await.unwrap();
    until(|| deployment.file().is_some()).await;
    let content = fs::read_to_string(deployment.path()).unwrap();
    assert!(content.contains("?api_key=…") && !content.contains("secret"), "{content}");
    assert!(keys(&url).seed().is_some());
    assert!(keys(&url.replace("secret", "other")).seed().is_none(), "the whole URL counts");
}

/// The largest document, of characters that are escaped.
#[tokio::test]
async fn a_key_set_of_any_size_and_spelling_can_be_persisted() {
    let deployment = Deployment::new();
    let set = deployment.issuer.jwks().to_string();
    let padding = "\n".repeat(256 * 1024 - set.len());
    let spelled = set.replacen('{', "{\"\\u0000\\t\":\"\\\"\u{1f511}\",", 1);
    for document in [format!("{set}{padding}"), spelled] {
        deployment.advance(10);
        deployment.issuer.fail(Endpoint::Jwks, Fault::Body(document.clone().into_bytes()));
        let api = deployment.start();
        deployment.fetch(&api).await;
        assert_eq!(deployment.file().unwrap()["jwks"], document);
        deployment.issuer.fail(Endpoint::Jwks, Fault::Disconnect);
        deployment.start().try_verify(&deployment.token()).unwrap();
    }
}

#[test]
fn a_key_set_that_is_not_utf_8_is_used_and_not_persisted() {
    let deployment = Deployment::new();
    let set = deployment.issuer.jwks().to_string().replacen('{', "{\"x\":\"?\",", 1);
    let bytes = set.bytes().map(|byte| if byte == b'?' { 0xff } else { byte }).collect();
    deployment.issuer.fail(Endpoint::Jwks, Fault::Body(bytes));
    let log = logging(|log| {
        current_thread_runtime().block_on(async {
            deployment.start().verify(&deployment.token()).await.unwrap();
            until(|| outcomes(&log.text()) == 1).await;
        });
        log.text()
    });
    assert!(warnings(&log)[0].contains("the key set is not UTF-8 text"), "{log}");
    assert!(deployment.file().is_none());
}

/// How often the keys were persisted, or could not be.
fn outcomes(log: &str) -> usize {
    let events =
        ["the keys are persisted", "the keys can be persisted", "the keys cannot be", "the keys still cannot be"];
    log.lines().filter(|line| events.iter().any(|event| line.contains(event))).count()
}

/// Neither a flood of warnings nor a refused token.
#[test]
fn a_file_that_cannot_be_written_is_one_warning() {
    let deployment = Deployment::new();
    let folder = deployment.folder.0.join("later");
    let path = folder.join("keys.json");
    let log = logging(|log| {
        current_thread_runtime().block_on(async {
            let api = deployment.start_with(deployment.issuer.issuer().persist_keys(&path));
            for round in 1..=8 {
                if round == 6 {
                    fs::create_dir(&folder).unwrap();
                }
                api.verify(&deployment.token()).await.unwrap();
                until(|| outcomes(&log.text()) == round).await;
                deployment.advance(550);
            }
        });
        log.text()
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
    let deployment = Deployment::new();
    current_thread_runtime().block_on(deployment.fetch(&deployment.start()));
    let keys = || RemoteKeys::discover(deployment.issuer.url()).unwrap().persist(deployment.path());
    std::thread::scope(|scope| {
        let write = || {
            current_thread_runtime().block_on(async {
                for _ in 0..25 {
                    let api = deployment.start();
                    api.verify(&deployment.token()).await.unwrap();
                    until(|| api.status()[0].fetches > 0).await;
                    deployment.advance(1);
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
    assert_eq!(deployment.folder.names(), ["keys.json"]);
    assert!(deployment.file().unwrap()["as_of"].as_u64().unwrap() > super::START);
}

/// Each call has a runtime of its own, which ends with the call.
#[test]
fn the_end_of_a_runtime_waits_until_the_keys_are_persisted() {
    let deployment = Deployment::new();
    let api = deployment.start();
    for _ in 0..3 {
        current_thread_runtime().block_on(api.verify(&deployment.token())).unwrap();
        fs::remove_file(deployment.path()).unwrap();
        deployment.advance(600);
    }
}

/// The keys of an issuer that withdraws them all are persisted as well.
#[tokio::test]
async fn every_answer_is_persisted_and_no_failure_is() {
    let deployment = Deployment::new();
    let api = deployment.start();
    deployment.fetch(&api).await;
    deployment.issuer.fail(Endpoint::Jwks, Fault::Body(b"<html>".to_vec()));
    deployment.advance(550);
    let before = fs::read(deployment.path()).unwrap();
    api.verify(&deployment.token()).await.unwrap();
    until(|| api.status()[0].failures > 0).await;
    assert_eq!(fs::read(deployment.path()).unwrap(), before);
    deployment.issuer.recover();
    deployment.issuer.set_jwks(json!({ "keys": [] }));
    deployment.advance(10);
    api.try_verify(&good(&deployment.issuer).signed_by(&small_issuer()).sign()).unwrap_err();
    until(|| deployment.file().unwrap()["jwks"] == r#"{"keys":[]}"#).await;
}
