//! Files that are not used, and what is said about them.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use aws_lc_rs::digest;
use serde_json::Value;
use tower_bearer::keys::{KeySource, RemoteKeys};

use super::{Deployment, in_log, until, warnings};
use crate::harness::log::{logged, logging};
use crate::harness::{current_thread_runtime, small_issuer};

fn keys(deployment: &Deployment) -> RemoteKeys {
    RemoteKeys::discover(deployment.issuer.url()).unwrap().persist(deployment.path())
}

/// The content with another member, and a checksum that fits.
fn changed(content: &[u8], member: &str, value: impl Into<Value>) -> Vec<u8> {
    let mut members: serde_json::Map<String, Value> = serde_json::from_slice(content).unwrap();
    members.remove("sha256");
    members.insert(member.to_owned(), value.into());
    sealed(&serde_json::to_string(&members).unwrap())
}

fn sealed(object: &str) -> Vec<u8> {
    let content = object.strip_suffix('}').unwrap();
    let hash = digest::digest(&digest::SHA256, content.as_bytes());
    let hash = hash
        .as_ref()
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| b"0123456789abcdef"[usize::from(digit)]);
    [content.as_bytes(), b",\"sha256\":\"", &hash.collect::<Vec<_>>(), b"\"}\n"].concat()
}

/// Asserts that the file is not used, and that one warning names it and the reason.
#[track_caller]
fn assert_ignored(deployment: &Deployment, reason: &str) {
    let (seed, log) = logged(|| keys(deployment).seed());
    assert!(seed.is_none(), "{reason}");
    let found = warnings(&log);
    let path = in_log(&deployment.path());
    let is_right = |line: &&str| line.contains("ignored") && line.contains(reason) && line.contains(&path);
    assert!(found.len() == 1 && found.iter().all(is_right), "{reason}: {log}");
}

#[tokio::test]
async fn a_truncated_file_is_ignored() {
    let deployment = Deployment::persisted().await;
    let content = fs::read(deployment.path()).unwrap();
    assert!(keys(&deployment).seed().is_some());
    for length in 0..content.len() {
        fs::write(deployment.path(), &content[..length]).unwrap();
        assert!(keys(&deployment).seed().is_none(), "{length} of {} bytes", content.len());
    }
    assert_ignored(&deployment, "its checksum does not match");
    fs::write(deployment.path(), [&content[..], b"\n"].concat()).unwrap();
    assert_ignored(&deployment, "its checksum does not match");
}

#[tokio::test]
async fn a_file_with_a_changed_byte_is_ignored() {
    let deployment = Deployment::persisted().await;
    let content = fs::read(deployment.path()).unwrap();
    for at in 0..content.len() {
        for bit in 0..8 {
            let mut flipped = content.clone();
            flipped[at] ^= 1 << bit;
            fs::write(deployment.path(), &flipped).unwrap();
            assert!(keys(&deployment).seed().is_none(), "bit {bit} of byte {at}: {:?}", char::from(flipped[at]));
        }
    }
    fs::write(deployment.path(), &content).unwrap();
    assert!(keys(&deployment).seed().is_some());
}

#[tokio::test]
async fn a_file_of_another_source_is_ignored() {
    let deployment = Deployment::persisted().await;
    let other = small_issuer();
    let persisted = |keys: RemoteKeys| keys.persist(deployment.path());
    for (keys, expected) in [
        (RemoteKeys::discover(other.url()), other.url().to_owned()),
        (RemoteKeys::at(&deployment.issuer.jwks_url()), deployment.issuer.jwks_url()),
        (RemoteKeys::at(deployment.issuer.url()), format!("{}/", deployment.issuer.url())),
    ] {
        let (seed, log) = logged(|| persisted(keys.unwrap()).seed());
        assert!(seed.is_none());
        let told = format!("it holds keys of {:?}, expected those of {expected:?}", deployment.issuer.url());
        assert!(warnings(&log)[0].contains(&told), "{log}");
    }
    // How the metadata is found makes no difference.
    assert!(persisted(RemoteKeys::discover_openid(deployment.issuer.url()).unwrap()).seed().is_some());
}

/// The text of a file is as foreign as any: it cannot forge a line of the log.
#[tokio::test]
async fn a_file_of_another_format_is_ignored() {
    let deployment = Deployment::persisted().await;
    let content = fs::read(deployment.path()).unwrap();
    fs::write(deployment.path(), changed(&content, "age", 0)).unwrap();
    assert!(keys(&deployment).seed().is_some(), "the checksum is right");
    let forged = format!("{}\n ERROR", "x".repeat(1000));
    for (member, value, reason) in [
        (
            "format",
            Value::from("tower-bearer keys 2"),
            r#"its format is "tower-bearer keys 2", expected "tower-bearer keys 1""#,
        ),
        ("format", forged.as_str().into(), r#"xxx…", expected "tower-bearer keys 1""#),
        ("format", Value::Null, "it is not of the format \"tower-bearer keys 1\""),
        ("as_of", "now".into(), "it is not of the format \"tower-bearer keys 1\""),
        ("as_of", (-1).into(), "it is not of the format \"tower-bearer keys 1\""),
        ("as_of", u64::MAX.into(), "it is not of the format \"tower-bearer keys 1\""),
        ("later", 1.into(), "it is not of the format \"tower-bearer keys 1\""),
        ("jwks", "{}".into(), "the document is not a JWK Set"),
    ] {
        fs::write(deployment.path(), changed(&content, member, value)).unwrap();
        assert_ignored(&deployment, reason);
    }
    for content in [sealed("{}"), sealed("}"), b"{}".to_vec(), Vec::new()] {
        fs::write(deployment.path(), content).unwrap();
        assert!(keys(&deployment).seed().is_none());
    }
    let mut sizes = changed(&content, "age", u64::MAX);
    for (member, value) in [("lifetime", u64::MAX), ("as_of", i64::MAX as u64)] {
        sizes = changed(&sizes, member, value);
    }
    fs::write(deployment.path(), sizes).unwrap();
    let (api, log) = logged(|| deployment.start());
    assert_eq!(api.status()[0].age, None, "and it does not panic");
    assert!(log.contains("in the future"), "{log}");
}

#[tokio::test]
async fn keys_of_the_future_and_keys_that_are_too_old_are_ignored() {
    let deployment = Deployment::persisted().await;
    let fetched = UNIX_EPOCH + Duration::from_secs(deployment.as_of().unwrap());
    let at = |seconds: i64| {
        let offset = Duration::from_secs(seconds.unsigned_abs());
        deployment.clock.set(if seconds < 0 { fetched - offset } else { fetched + offset });
        let (api, log) = logged(|| deployment.start());
        (api.status()[0].age.map(|age| age.as_secs()), log)
    };
    assert_eq!(at(-60).0, Some(0));
    assert_eq!(at(4199).0, Some(4199));
    let told = in_log(&deployment.path());
    for (seconds, level, reason) in [
        (-61, " WARN ", "it was fetched 61 s in the future by this machine's clock, expected at most 60 s"),
        (4200, " INFO ", "it was fetched 4200 s ago, and keys are used for less than 4200 s"),
    ] {
        let (age, log) = at(seconds);
        assert_eq!(age, None, "{seconds}");
        let line = log.lines().find(|line| line.contains("are not used")).unwrap();
        assert!(line.contains(level) && line.contains(reason) && line.contains(&told), "{line}");
    }
}

#[test]
fn what_is_no_regular_file_is_ignored_and_kept() {
    let deployment = Deployment::new();
    let pipe: fn(&Path) = |path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    let folder: fn(&Path) = |path| fs::create_dir(path).unwrap();
    for make in [folder, pipe] {
        make(&deployment.path());
        assert_ignored(&deployment, "it is not a regular file");
        let log = logging(|log| {
            let api = deployment.start();
            assert!(api.status()[0].age.is_none());
            current_thread_runtime().block_on(async {
                api.verify(&deployment.token()).await.unwrap();
                until(|| log.text().contains("cannot be persisted")).await;
            });
            log.text()
        });
        let [ignored, not_replaced] = warnings(&log)[..] else { panic!("{log}") };
        assert!(ignored.contains("is ignored") && not_replaced.contains("remains=\"it remains\""), "{log}");
        assert!(!fs::metadata(deployment.path()).unwrap().is_file());
        drop(fs::remove_file(deployment.path()));
        drop(fs::remove_dir(deployment.path()));
    }
}

#[tokio::test]
async fn a_file_that_is_huge_or_cannot_be_read_is_ignored() {
    let deployment = Deployment::persisted().await;
    fs::File::create(deployment.path()).unwrap().set_len(1 << 40).unwrap();
    assert_ignored(&deployment, "it is larger than 528384 bytes");
    // A folder in the path is a file.
    let inside = deployment.path().join("keys.json");
    let (seed, log) = logged(|| RemoteKeys::discover(deployment.issuer.url()).unwrap().persist(&inside).seed());
    assert!(seed.is_none() && warnings(&log).len() == 1, "{log}");
}

#[test]
fn a_file_that_is_not_there_yet_is_no_reason_for_a_warning() {
    let deployment = Deployment::new();
    let (api, log) = logged(|| deployment.start());
    assert!(api.status()[0].age.is_none());
    assert!(warnings(&log).is_empty() && log.contains("there are no persisted keys yet"), "{log}");
}

/// A wrong file is replaced with the next fetch.
#[tokio::test]
async fn a_file_that_is_ignored_is_replaced() {
    let deployment = Deployment::persisted().await;
    for content in [&b""[..], b"{}", b"\xff"] {
        fs::write(deployment.path(), content).unwrap();
        let api = deployment.start();
        api.verify(&deployment.token()).await.unwrap();
        until(|| keys(&deployment).seed().is_some()).await;
    }
}
