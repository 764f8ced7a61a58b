//! A thousand reloads under load: nobody is refused wrongly, nobody is accepted wrongly, and nothing grows.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tower_bearer::Issuer;
use tower_bearer::testing::Endpoint;

use super::load_clients::{Api, Client, Kind, has_realm, is_replay};
use super::{Rig, document};
use crate::harness::memory_source::{Fetch, Source, keys};
use crate::harness::{good, present, small_issuer};

const RELOADS: usize = 1000;
/// After so many reloads the file is broken once.
const GOOD_ROUNDS: usize = 9;
const SEED: u64 = 20;

/// What the file holds while it is broken, or that there is none.
fn broken(api: &Api, round: usize) -> Option<Vec<u8>> {
    let good = api.document(true);
    match (round / GOOD_ROUNDS) % 5 {
        0 => Some(good[..good.len() - 4].into()),
        1 => Some(format!("leway = 3\n{good}").into()),
        2 => Some([good.as_bytes(), b"# \xff\n"].concat()),
        3 => Some(Vec::new()),
        _ => None,
    }
}

/// Clients with every kind of credentials go on all the time. Those of one issuer are accepted under every second configuration.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_reloads_under_load_refuse_and_accept_nobody_wrongly() {
    let api = Arc::new(Api::new());
    let kinds = [Kind::Steady, Kind::Proof, Kind::Opaque, Kind::Tenant, Kind::Toggled];
    let turns = watch::Sender::new(kinds.map(|_| 0_usize));
    let rounds = watch::Sender::new(());
    let mut clients = JoinSet::new();
    for (number, kind) in kinds.into_iter().enumerate() {
        let mut client = Client::new(&api, kind, SEED + number as u64);
        let (mut rounds, turns) = (rounds.subscribe(), turns.clone());
        clients.spawn(async move {
            while rounds.changed().await.is_ok() {
                client.turn().await;
                turns.send_modify(|turns| turns[number] += 1);
            }
        });
    }
    let of_toggled = good(&api.toggled).sign();
    let mut main = Client::new(&api, Kind::Proof, SEED);
    for round in 0..RELOADS {
        let is_trusted = round % 2 == 1;
        let proof = main.use_proof().await;
        rounds.send_replace(());
        api.replace(is_trusted).await;
        check(&api, is_trusted, &of_toggled).await;
        assert!(is_replay(&main.send_proof(&proof).await), "round {round}");
        if round % GOOD_ROUNDS != 0 {
            continue;
        }
        match broken(&api, round) {
            Some(content) => drop(api.rig.folder.write("api.toml", content)),
            None => fs::remove_file(&api.rig.path).unwrap(),
        }
        rounds.send_replace(());
        let (told, before) = (api.told(), api.rig.watched.status());
        let error = api.rig.watched.reload().await.unwrap_err();
        let status = api.rig.watched.status();
        assert_eq!((status.reloads, status.refusals), (before.reloads, before.refusals + 1), "round {round}");
        assert_eq!((api.told(), status.last_error), (told + 1, Some(error)), "round {round}");
        check(&api, is_trusted, &of_toggled).await;
        assert!(is_replay(&main.send_proof(&proof).await), "round {round}");
        // The second turn has begun after the mistake.
        for _ in 0..2 {
            let before = *turns.borrow();
            rounds.send_replace(());
            let mut turns = turns.subscribe();
            tokio::select! {
                all = turns.wait_for(|turns| turns.iter().zip(before).all(|(turns, before)| *turns > before)) => drop(all.unwrap()),
                ended = clients.join_next() => panic!("a client has ended: {ended:?}"),
            }
        }
    }
    drop(rounds);
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    let mistakes = RELOADS.div_ceil(GOOD_ROUNDS);
    let status = api.rig.watched.status();
    assert_eq!((status.reloads, status.refusals), (RELOADS as u64, mistakes as u64));
    // Once for all, and once because of a signature that is not the issuer's.
    assert_eq!(api.steady.requests(Endpoint::Jwks), 2);
    assert_eq!(api.opaque.requests(Endpoint::Introspection), api.opaque_tokens.load(Ordering::Relaxed));
    let exact = [&api.accepted, &api.refused].map(|count| count.load(Ordering::Relaxed));
    assert!(exact.iter().all(|count| *count >= mistakes / 2), "{exact:?} answers under a configuration that stayed");
}

/// The answer of the configuration that is in force.
async fn check(api: &Api, is_trusted: bool, of_toggled: &str) {
    let answer = present(&api.rig.app, of_toggled).await;
    assert_eq!(answer.status, if is_trusted { 200 } else { 401 });
    assert!(is_trusted || has_realm(&answer, "one"), "{answer:?}");
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
