//! A file with mistakes changes nothing, and all of them are told.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use tower_bearer::config::{self, WatchError};

use super::{Folder, Rig, document};
use crate::harness::log::logging;
use crate::harness::{AUDIENCE, current_thread_runtime, good, present, small_issuer};

/// What is put in the place of the file.
enum Bad {
    Text(String),
    Bytes(Vec<u8>),
    Missing,
    Folder,
    Unreadable,
    BrokenLink,
}

#[tokio::test]
async fn a_bad_file_changes_nothing() {
    let issuer = small_issuer();
    let good_settings = document("", &[&issuer]);
    let half = &good_settings[..good_settings.len() / 2];
    for (what, bad, told) in [
        ("syntax", Bad::Text("audience = ".into()), "cannot be parsed"),
        ("half written", Bad::Text(format!("{half}\n[[issu")), "cannot be parsed"),
        ("empty", Bad::Text(String::new()), "audience: missing setting"),
        (
            "unknown setting",
            Bad::Text(document("leway = 3", &[&issuer])),
            "leway: unknown setting; did you mean leeway?",
        ),
        ("bad issuer", Bad::Text(format!("audience = {AUDIENCE:?}\nissuers = [\"nonsense\"]")), "issuers[0]"),
        ("no issuer", Bad::Text(format!("audience = {AUDIENCE:?}\nissuers = []")), "issuers"),
        ("no text", Bad::Bytes(vec![0xff, 0xfe, 0]), "is not UTF-8"),
        ("too large", Bad::Bytes(vec![b'#'; (1 << 20) + 1]), "more than 1 MiB"),
        ("missing", Bad::Missing, "cannot be read: entity not found"),
        ("a folder", Bad::Folder, "cannot be read: is a directory"),
        ("unreadable", Bad::Unreadable, "cannot be read: permission denied"),
        ("a broken link", Bad::BrokenLink, "cannot be read: entity not found"),
    ] {
        let rig = Rig::new(&good_settings);
        let token = good(&issuer).sign();
        for _ in 0..2 {
            present(&rig.app, &token).await.assert_ok();
        }
        fs::remove_file(&rig.path).unwrap();
        match bad {
            Bad::Text(text) => fs::write(&rig.path, text).unwrap(),
            Bad::Bytes(bytes) => fs::write(&rig.path, bytes).unwrap(),
            Bad::Missing => {}
            Bad::Folder => fs::create_dir(&rig.path).unwrap(),
            Bad::BrokenLink => std::os::unix::fs::symlink("nowhere", &rig.path).unwrap(),
            Bad::Unreadable => {
                fs::write(&rig.path, &good_settings).unwrap();
                fs::set_permissions(&rig.path, fs::Permissions::from_mode(0o0)).unwrap();
                if fs::read(&rig.path).is_ok() {
                    continue; // The superuser reads it all the same.
                }
            }
        }
        let error = rig.watched.reload().await.expect_err(what);
        assert!(error.to_string().contains(told), "{what}: {error}");
        let status = rig.watched.status();
        assert_eq!((status.reloads, status.refusals, status.last_error), (0, 1, Some(error)), "{what}");
        present(&rig.app, &token).await.assert_ok();
        assert_eq!(rig.api.token_cache_status().unwrap().hits, 1, "{what}: nothing was replaced");
        drop(fs::remove_dir(&rig.path));
        rig.reload(&good_settings).await;
        assert_eq!(rig.watched.status().last_error, None, "{what}");
    }
}

/// In the outcome, in the status, in the log and for the callback; and no secret of the file.
#[test]
fn all_mistakes_are_told() {
    let issuer = small_issuer();
    let outcomes = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&outcomes);
    let log = logging(|log| {
        current_thread_runtime().block_on(async {
            let rig = Rig::with(&document("", &[&issuer]), |watch| {
                watch.on_reload(move |outcome| told.lock().unwrap().push(outcome.cloned().map_err(Clone::clone)))
            });
            rig.write(&document("leeway = 100\nrealm = 3\nleway = 1", &[&issuer]));
            let error = rig.watched.reload().await.unwrap_err();
            let WatchError::Settings { problems, .. } = &error else { panic!("{error:?}") };
            let paths: Vec<_> = problems.iter().map(tower_bearer::config::Problem::path).collect();
            assert_eq!(paths, ["leeway", "realm", "leway"]);
            rig.write("client_secret = \"s3cret");
            rig.watched.reload().await.unwrap_err();
            rig.reload(&document("", &[&issuer])).await;
        });
        log.text()
    });
    let outcomes = outcomes.lock().unwrap();
    assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, false, true]);
    let errors: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(errors.len(), 4, "{log}");
    for (line, what) in errors.iter().zip(["leeway", "realm", "leway: unknown setting", "line 1"]) {
        assert!(line.contains(what), "{line}");
    }
    assert!(!log.contains("s3cret") && log.contains("the configuration was replaced"), "{log}");
}

/// A panic of the application is a mistake as any other.
#[tokio::test]
async fn a_panic_changes_nothing() {
    let issuer = small_issuer();
    let rig = Rig::with(&document("", &[&issuer]), |watch| {
        let calls = std::sync::atomic::AtomicUsize::new(0);
        let customize = move |builder| match calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            1 => panic!("of the application"),
            _ => builder,
        };
        watch.customize(customize).on_reload(|_| panic!("of the application"))
    });
    assert_eq!(rig.watched.reload().await, Err(WatchError::Panicked));
    present(&rig.app, &good(&issuer).sign()).await.assert_ok();
    rig.watched.reload().await.unwrap();
}

/// There is nothing to follow yet.
#[tokio::test]
async fn the_first_file_must_be_good() {
    let folder = Folder::new();
    let watch = || config::watch(folder.0.join("api.toml"), |text| toml::from_str(text));
    assert!(matches!(watch().start(), Err(WatchError::Read { .. })));
    folder.write("api.toml", "issuers = 3");
    let error = watch().start().unwrap_err();
    assert!(matches!(&error, WatchError::Settings { problems, .. } if problems.iter().count() == 2));
    // A `main` that returns it prints this.
    let lines: Vec<_> = format!("{error:?}").lines().map(ToOwned::to_owned).collect();
    assert!(lines[0].ends_with("api.toml has mistakes:") && lines[1].starts_with("audience: "), "{lines:?}");
}

#[test]
fn a_runtime_is_needed() {
    let folder = Folder::new();
    let path = folder.write("api.toml", document("", &[&small_issuer()]));
    let error = config::watch(path, |text| toml::from_str(text)).start().unwrap_err();
    assert_eq!(error, WatchError::NoRuntime);
}
