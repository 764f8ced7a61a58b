//! A thousand reloads under load: nobody is refused wrongly, nobody is accepted wrongly, and nothing grows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tower_bearer::Issuer;
use tower_bearer::testing::Endpoint;

use super::{Rig, document};
use crate::harness::memory_source::{Fetch, Source, keys};
use crate::harness::{good, present, small_issuer};

const RELOADS: usize = 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_reloads_under_load_refuse_and_accept_nobody_wrongly() {
    let [steady, other] = [small_issuer(), small_issuer()];
    let both = document("realm = \"both\"", &[&steady, &other]);
    let one = document("realm = \"one\"", &[&steady]);
    let rig = Arc::new(Rig::new(&both));
    let [token, of_other] = [good(&steady).sign(), good(&other).sign()];
    for token in [&token, &of_other, &token, &of_other] {
        present(&rig.app, token).await.assert_ok();
    }
    let (is_done, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients = (0..2).map(|_| {
        let (rig, token, is_done, served) =
            (Arc::clone(&rig), token.clone(), Arc::clone(&is_done), Arc::clone(&served));
        tokio::spawn(async move {
            while !is_done.load(Ordering::Relaxed) {
                present(&rig.app, &token).await.assert_ok();
                served.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    for round in 0..RELOADS {
        let is_trusted = round % 2 == 1;
        rig.reload(if is_trusted { &both } else { &one }).await;
        let answer = present(&rig.app, &of_other).await;
        assert_eq!(answer.status, if is_trusted { 200 } else { 401 }, "round {round}");
        if !is_trusted {
            assert!(answer.challenge().unwrap().contains("realm=\"one\""));
        }
    }
    is_done.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    assert!(served.load(Ordering::Relaxed) > RELOADS, "{served:?} requests");
    assert_eq!(steady.requests(Endpoint::Jwks), 1, "nothing is fetched again");
    assert_eq!(rig.watched.status().reloads, RELOADS as u64);
}

/// Each reload makes an issuer with other keys, whose predecessor is dropped.
#[tokio::test]
async fn nothing_of_an_old_configuration_remains() {
    let issuer = small_issuer();
    let source = Source::new(Fetch::Keys(keys(&issuer), None));
    let (url, given) = (issuer.url().to_owned(), source.clone());
    let rig = Rig::with(&document("", &[&small_issuer()]), |watch| {
        watch.customize(move |builder| builder.trust(Issuer::keys(&url, given.clone()).unwrap()))
    });
    let token = good(&issuer).sign();
    present(&rig.app, &token).await.assert_ok();
    let before = source.holders();
    for _ in 0..RELOADS {
        rig.watched.reload().await.unwrap();
        present(&rig.app, &token).await.assert_ok();
    }
    assert_eq!(source.fetches(), 1 + RELOADS);
    // The tasks of the last ones may still be ending.
    assert!(source.holders() <= before + 10, "{} holders, {before} before", source.holders());
}
