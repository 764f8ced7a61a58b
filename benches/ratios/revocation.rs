//! What revocation costs: a request, when nothing has changed and after a change, and the call that revokes.

use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

use http::HeaderValue;
use tower_bearer::ResourceServer;
use tower_bearer::jose::Algorithm;
use tower_bearer::revocation::{Revocation, Revocations};
use tower_bearer::testing::{TestClock, TestIssuer};

use crate::cases::{Cases, ROUNDS};
use crate::support::{bearer, call, distinct, large, protected, resident, server};

/// How many revocations fill the large table.
const ENTRIES: usize = 1_000_000;
/// How many tokens are remembered.
const TOKENS: usize = 1_000;
/// How often something is revoked to measure what comes after it.
const CHANGES: usize = 201;
const LIFE: Duration = Duration::from_secs(48 * 60 * 60);

pub(crate) fn revocation(issuer: &TestIssuer) {
    println!("\nRevocation, with {TOKENS} remembered tokens behind the layer\n");
    println!(
        "| entries | bytes each | ns to revoke | slowest, µs | request, ns | unchanged, ns more | after a change, ns more |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|");
    let mut removed = Duration::ZERO;
    for entries in [5, 1_000, ENTRIES] {
        let clock = TestClock::new();
        let revocations = Revocations::new(LIFE).clock(clock.clone()).quota(entries + CHANGES);
        let (before, start, mut slowest) = (resident(), Instant::now(), Duration::ZERO);
        for number in 0..entries {
            let began = Instant::now();
            revoke(&revocations, &nth(issuer.url(), number));
            slowest = slowest.max(began.elapsed());
        }
        let each = start.elapsed().as_nanos() as f64 / entries as f64;
        // A page is too coarse for a small table.
        let bytes = (entries == ENTRIES).then(|| format!("{:.0}", (resident() - before) as f64 / entries as f64));
        let bytes = bytes.as_deref().unwrap_or("–");
        let with = server(issuer).revocations(revocations.clone()).build().unwrap();
        let [without, unchanged, changed] = requests(issuer, &with, &revocations);
        let (unchanged, changed, slowest) = (unchanged - without, changed - without, slowest.as_micros());
        println!("| {entries} | {bytes} | {each:.0} | {slowest} | {without:.0} | {unchanged:+.1} | {changed:+.0} |");
        // They have ended, and some are removed whenever there is another one.
        clock.advance(2 * LIFE);
        let start = Instant::now();
        revoke(&revocations, &Revocation::issuer("https://other.example.com"));
        removed = removed.max(start.elapsed());
    }
    println!("\nTo revoke when all entries have ended takes {} µs.", removed.as_micros());
}

/// One of all kinds, so that a look-up considers each kind. None concerns the tokens.
fn nth(issuer: &str, number: usize) -> Revocation {
    let name = format!("{number:036}");
    match number % 5 {
        0 => Revocation::session(issuer, &name),
        1 => Revocation::token(issuer, &name),
        2 => Revocation::subject(issuer, &name),
        3 => Revocation::client(issuer, &name),
        _ if number == 4 => Revocation::issuer(issuer).at(SystemTime::now() - LIFE / 2),
        _ => Revocation::subject(issuer, &name),
    }
}

/// Revokes in this process, which does not wait.
fn revoke(revocations: &Revocations, revocation: &Revocation) {
    let mut revoking = std::pin::pin!(revocations.revoke(revocation));
    assert!(matches!(revoking.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(()))));
}

/// The time of a request at a server without revocations, at one where nothing has changed, and at one after a change.
fn requests(issuer: &TestIssuer, with: &ResourceServer, revocations: &Revocations) -> [f64; 3] {
    let token = large(issuer, Algorithm::ES256).claim("sid", "session");
    let credentials: Vec<HeaderValue> = distinct(&token, TOKENS).map(|token| bearer(&token)).collect();
    let without = server(issuer).build().unwrap();
    let (mut plain, mut unchanged, mut changed) = (protected(&without), protected(with), protected(with));
    for credentials in credentials.iter().cycle().take(3 * TOKENS) {
        assert_eq!((call(&mut plain, credentials), call(&mut unchanged, credentials)), (200, 200));
    }
    let mut next = [0; 2].map(|_| credentials.iter().cycle());
    let [first, second] = &mut next;
    let mut cases = Cases::default();
    cases.add("without", || assert_eq!(call(&mut plain, first.next().unwrap()), 200));
    cases.add("unchanged", || assert_eq!(call(&mut unchanged, second.next().unwrap()), 200));
    cases.measure(ROUNDS);
    let [without, unchanged] = ["without", "unchanged"].map(|name| cases.median(name));
    drop(cases);
    let mut times: Vec<f64> = (0..CHANGES)
        .map(|number| {
            revoke(revocations, &Revocation::subject(issuer.url(), &format!("new-{number}")));
            let start = Instant::now();
            for credentials in &credentials {
                assert_eq!(call(&mut changed, credentials), 200);
            }
            start.elapsed().as_nanos() as f64 / TOKENS as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    [without, unchanged, times[CHANGES / 2]]
}
