//! The file is read again and again.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::time::sleep;
use tower_bearer::config;

use super::{Folder, Rig, document, of};
use crate::harness::{AUDIENCE, app, good, present, small_issuer};

const OFTEN: Duration = Duration::from_millis(20);

async fn until(mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(20), "it does not happen");
        sleep(Duration::from_millis(5)).await;
    }
}

fn polled(document: &str) -> Rig {
    Rig::with(document, |watch| watch.interval(OFTEN))
}

#[tokio::test]
async fn a_changed_file_is_noticed_and_an_unchanged_one_is_no_reload() {
    let [a, b] = [small_issuer(), small_issuer()];
    let rig = polled(&document("", &[&a]));
    sleep(10 * OFTEN).await;
    assert_eq!(rig.watched.status().reloads, 0);
    rig.write(&document("", &[&b]));
    until(|| rig.watched.status().reloads == 1).await;
    present(&rig.app, &good(&b).sign()).await.assert_ok();
    present(&rig.app, &good(&a).sign()).await.assert_invalid_token();
    sleep(10 * OFTEN).await;
    assert_eq!(rig.watched.status().reloads, 1);
}

/// The same time, length and place: only the content differs.
#[tokio::test]
async fn the_content_counts_and_not_the_time_of_the_change() {
    let issuer = small_issuer();
    let rig = polled(&document("leeway = 10", &[&issuer]));
    let time = fs::metadata(&rig.path).unwrap().modified().unwrap();
    fs::write(&rig.path, document("leeway = 11", &[&issuer])).unwrap();
    fs::File::options().write(true).open(&rig.path).unwrap().set_modified(time).unwrap();
    until(|| rig.watched.status().reloads == 1).await;
}

/// A `ConfigMap` is a link to a link to a folder, of which the second is replaced.
#[tokio::test]
async fn links_are_followed_as_kubernetes_replaces_them() {
    let [a, b] = [small_issuer(), small_issuer()];
    let folder = Folder::new();
    for (name, settings) in [("1", document("", &[&a])), ("2", document("", &[&b]))] {
        fs::create_dir(folder.0.join(name)).unwrap();
        fs::write(folder.0.join(name).join("api.toml"), settings).unwrap();
    }
    symlink("1", folder.0.join("..data")).unwrap();
    symlink("..data/api.toml", folder.0.join("api.toml")).unwrap();
    let watched =
        config::watch(folder.0.join("api.toml"), |text| toml::from_str(text)).interval(OFTEN).start().unwrap();
    let app = app(&watched.server());
    present(&app, &good(&a).sign()).await.assert_ok();
    symlink("2", folder.0.join("..data_tmp")).unwrap();
    fs::rename(folder.0.join("..data_tmp"), folder.0.join("..data")).unwrap();
    until(|| watched.status().reloads == 1).await;
    present(&app, &good(&b).sign()).await.assert_ok();
    present(&app, &good(&a).sign()).await.assert_invalid_token();
}

/// A mistake is told once while it lasts, and its correction is noticed.
#[tokio::test]
async fn a_mistake_is_told_once() {
    let issuer = small_issuer();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let rig = Rig::with(&document("", &[&issuer]), |watch| {
        watch.interval(OFTEN).on_reload(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
        })
    });
    rig.write("leway = 3");
    until(|| rig.watched.status().last_error.is_some()).await;
    sleep(10 * OFTEN).await;
    assert_eq!((rig.watched.status().refusals, calls.load(Ordering::Relaxed)), (1, 1));
    rig.write("leway = 3\nrealm = 4");
    until(|| rig.watched.status().refusals == 2).await;
    rig.write(&document("", &[&issuer]));
    until(|| rig.watched.status().last_error.is_none()).await;
    // It is told after the status has changed.
    until(|| calls.load(Ordering::Relaxed) == 3).await;
    assert_eq!(rig.watched.status().reloads, 1);
}

/// A secret changes, or appears, without a change of the configuration file.
#[tokio::test]
async fn files_that_the_settings_name_are_followed() {
    let issuer = small_issuer();
    let folder = Folder::new();
    let secret = folder.0.join("secret");
    let by = |name: &std::path::Path| {
        format!(
            "{}[issuers.introspection]\nendpoint = {:?}\nclient_id = \"api\"\nclient_secret_file = {name:?}\n",
            document("", &[&issuer]),
            issuer.introspection_url()
        )
    };
    let rig = polled(&document("", &[&issuer]));
    rig.write(&by(&secret));
    until(|| rig.watched.status().refusals == 1).await;
    folder.write("secret", "one");
    until(|| rig.watched.status().reloads == 1).await;
    sleep(10 * OFTEN).await;
    assert_eq!(rig.watched.status().reloads, 1);
    folder.write("secret", "two");
    until(|| rig.watched.status().reloads == 2).await;
}

/// A prefix of a file may be good settings with fewer issuers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_being_written_does_not_count() {
    let [a, b] = [small_issuer(), small_issuer()];
    let whole = document("", &[&a, &b]);
    let rig = Rig::with(&whole, |watch| watch.interval(Duration::from_millis(150)));
    let (path, is_done) = (rig.path.clone(), Arc::new(AtomicBool::new(false)));
    let done = Arc::clone(&is_done);
    let prefix = document("", &[&a]);
    let writer = std::thread::spawn(move || {
        let (mut longest, mut last, mut number) = (Duration::ZERO, Instant::now(), 0);
        while !done.load(Ordering::Relaxed) {
            number += 1;
            fs::write(&path, format!("# {number}\n{prefix}")).unwrap();
            longest = longest.max(last.elapsed());
            last = Instant::now();
            std::thread::sleep(Duration::from_millis(1));
        }
        fs::write(&path, format!("# done\n{whole}")).unwrap();
        longest.max(last.elapsed())
    });
    sleep(Duration::from_millis(1200)).await;
    let during = rig.watched.status().reloads;
    is_done.store(true, Ordering::Relaxed);
    let longest = writer.join().unwrap();
    // A machine that stops for that long has seen a file that is at rest.
    assert!(during == 0 || longest > Duration::from_millis(100), "{during} reloads, {longest:?} at rest");
    until(|| rig.watched.status().reloads == during + 1).await;
    present(&rig.app, &good(&b).sign()).await.assert_ok();
}

/// What the application does not follow any more is not read. The server keeps its configuration.
#[tokio::test]
async fn a_dropped_handle_ends_the_polling() {
    let [a, b] = [small_issuer(), small_issuer()];
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reads);
    let folder = Folder::new();
    let path = folder.write("api.toml", document("", &[&a]));
    let parse = move |text: &str| {
        counted.fetch_add(1, Ordering::Relaxed);
        toml::from_str(text)
    };
    let watched = config::watch(&path, parse).interval(OFTEN).start().unwrap();
    let app = app(&watched.server());
    drop(watched);
    folder.write("api.toml", format!("audience = {AUDIENCE:?}\n{}", of(&b, "")));
    sleep(20 * OFTEN).await;
    assert_eq!(
        (reads.load(Ordering::Relaxed), Arc::strong_count(&reads)),
        (1, 1),
        "the application's functions are dropped too"
    );
    present(&app, &good(&a).sign()).await.assert_ok();
}

/// The reason need not be in a file.
#[tokio::test]
async fn a_reading_that_failed_is_repeated() {
    let [a, b] = [small_issuer(), small_issuer()];
    let folder = Folder::new();
    let path = folder.write("api.toml", document("", &[&a]));
    let fails = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&fails);
    let parse = move |text: &str| {
        if switch.load(Ordering::Relaxed) {
            return Err("a service of the application does not answer".to_owned());
        }
        toml::from_str(text).map_err(|error| error.to_string())
    };
    let watched = config::watch(&path, parse).interval(OFTEN).start().unwrap();
    fails.store(true, Ordering::Relaxed);
    folder.write("api.toml", document("", &[&b]));
    until(|| watched.status().last_error.is_some()).await;
    fails.store(false, Ordering::Relaxed);
    until(|| watched.status().reloads == 1).await;
}
