//! How long a withdrawn key is used: not after the issuer has answered without it, at most for its lifetime while nothing is
//! fetched, and for one hour more only while the issuer cannot be reached.

use std::time::Duration;

use serde_json::{Value, json};
use tower_bearer::clock::Clock;
use tower_bearer::jose::JwkSet;
use tower_bearer::testing::Fault;
use tower_bearer::validation::VerifyError;

use crate::harness::memory_source::{Fetch, HOUR, MINUTE, SECOND, Setup, keys, settle};
use crate::harness::{app, good, paused_runtime, present, server, small_issuer};

/// What an issuer publishes that has withdrawn the key.
fn replacements() -> [(&'static str, Value); 4] {
    let other = small_issuer();
    other.rotate();
    let encryption = json!({ "kty": "RSA", "use": "enc", "kid": "1", "n": "AQAB", "e": "AQAB" });
    [
        ("an empty set", json!({ "keys": [] })),
        ("an unsupported key", json!({ "keys": [{ "kty": "OKP", "crv": "Ed448", "x": "AAAA", "kid": "1" }] })),
        ("an encryption key", json!({ "keys": [encryption] })),
        ("another key", other.jwks()),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Process {
    OneRuntime,
    RuntimePerCall,
    /// A suspended machine: the monotonic clock stands still, and the time of day does not.
    ClockJump,
}

const STEP: Duration = Duration::from_secs(15);
const LONGEST: Duration = Duration::from_secs(3 * 60 * 60);

/// The last time after the withdrawal at which a token of the withdrawn key passed.
fn passes_for(lifetime: Duration, after: &Fetch, process: Process) -> Duration {
    let setup = Setup::new(|issuer| Fetch::Keys(keys(issuer), Some(lifetime)));
    let token = setup.token();
    let first = paused_runtime();
    first.block_on(setup.verify()).unwrap();
    setup.source.set(after.clone());
    match process {
        Process::OneRuntime => first.block_on(async {
            let started = tokio::time::Instant::now();
            let mut last = Duration::ZERO;
            while started.elapsed() < LONGEST {
                tokio::time::sleep(STEP).await;
                if setup.api.verify(&token).await.is_ok() {
                    last = started.elapsed();
                }
            }
            last
        }),
        Process::RuntimePerCall => {
            drop(first);
            let mut last = Duration::ZERO;
            for step in 1..LONGEST.as_secs() / STEP.as_secs() {
                setup.clock.advance(STEP);
                if paused_runtime().block_on(setup.api.verify(&token)).is_ok() {
                    last = STEP * u32::try_from(step).unwrap();
                }
            }
            last
        }
        Process::ClockJump => {
            // The machine is suspended once, for so long; each time is a story of its own.
            drop(first);
            let survives = |pause: Duration| {
                let setup = Setup::new(|issuer| Fetch::Keys(keys(issuer), Some(lifetime)));
                let token = setup.token();
                let runtime = paused_runtime();
                runtime.block_on(setup.verify()).unwrap();
                setup.source.set(after.clone());
                setup.clock.set(setup.clock.now() + pause);
                runtime.block_on(setup.api.verify(&token)).is_ok()
            };
            let suspensions = (1..=LONGEST.as_secs() / MINUTE.as_secs())
                .map(|minutes| Duration::from_secs(minutes * 60).saturating_sub(SECOND));
            suspensions.filter(|pause| survives(*pause)).max().unwrap_or_default()
        }
    }
}

#[test]
fn a_withdrawn_key_is_used_for_at_most_a_lifetime_while_the_issuer_is_up() {
    for (what, jwks) in replacements() {
        let jwks = JwkSet::from_json(jwks.to_string().as_bytes()).unwrap();
        for lifetime in [MINUTE, HOUR] {
            for process in [Process::OneRuntime, Process::RuntimePerCall, Process::ClockJump] {
                let longest = passes_for(lifetime, &Fetch::Keys(jwks.clone(), Some(lifetime)), process);
                println!("{what}, {} s, {process:?}: {:.1} min", lifetime.as_secs(), longest.as_secs_f64() / 60.0);
                assert!(longest < lifetime, "{what}, {lifetime:?}, {process:?}: {longest:?}");
            }
        }
    }
}

#[test]
fn a_key_is_used_for_at_most_a_lifetime_and_an_hour_while_the_issuer_is_down() {
    for (down, lifetime) in [(Fetch::Fail, MINUTE), (Fetch::Fail, HOUR), (Fetch::Hang, MINUTE)] {
        for process in [Process::OneRuntime, Process::RuntimePerCall, Process::ClockJump] {
            let longest = passes_for(lifetime, &down, process);
            println!("down, {} s, {process:?}: {:.1} min", lifetime.as_secs(), longest.as_secs_f64() / 60.0);
            assert!(longest < lifetime + HOUR + 2 * STEP, "{lifetime:?}, {process:?}: {longest:?}");
            assert!(longest + 2 * MINUTE > lifetime + HOUR, "and it can be survived: {process:?}: {longest:?}");
        }
    }
}

/// No usable key is left, so the answer is 503 whatever the `iat` of the token.
#[tokio::test(start_paused = true)]
async fn a_set_without_usable_keys_withdraws_all_and_is_refetched_within_a_minute() {
    for (what, jwks) in &replacements()[..3] {
        let setup = Setup::warm(Some(HOUR)).await;
        let useless = JwkSet::from_json(jwks.to_string().as_bytes()).unwrap();
        setup.source.set(Fetch::Keys(useless, Some(HOUR)));
        // A bad signature has the keys fetched.
        let forged = good(&setup.issuer).signed_by(&small_issuer()).sign();
        assert!(setup.api.try_verify(&forged).is_err());
        settle().await;
        assert_eq!(setup.source.fetches(), 2, "{what}");
        for token in [
            setup.token(),
            good(&setup.issuer).claim("iat", 1).sign(),
            good(&setup.issuer).header("kid", "unknown").claim("iat", 1).sign(),
            good(&setup.issuer).without_header("kid").without_claim("iat").sign(),
        ] {
            let verdict = setup.api.try_verify(&token);
            assert!(matches!(verdict, Err(VerifyError::KeysUnavailable { .. })), "{what}: {verdict:?}");
        }
        assert!(!setup.api.status()[0].is_usable && !setup.api.is_ready());
        tokio::time::sleep(10 * MINUTE).await;
        let gaps = setup.source.gaps();
        assert!(gaps[1..].iter().all(|gap| *gap <= MINUTE) && gaps.len() >= 14, "{what}: {gaps:?}");
        setup.publish_current();
        tokio::time::sleep(MINUTE).await;
        setup.try_verify().unwrap();
    }
}

/// While the keys are served on evidence, the process is frozen, and the issuer is up again when it goes on.
#[test]
fn a_process_frozen_during_grace_refetches_before_it_uses_the_keys() {
    let pauses: [fn(&Setup); 2] =
        [|setup| setup.clock.advance(10 * MINUTE), |setup| setup.clock.set(setup.clock.now() + 10 * MINUTE)];
    for pause in pauses {
        let setup = Setup::new(|issuer| Fetch::Keys(keys(issuer), Some(MINUTE)));
        let runtime = paused_runtime();
        runtime.block_on(async {
            setup.verify().await.unwrap();
            setup.source.set(Fetch::Fail);
            tokio::time::sleep(5 * MINUTE).await;
            setup.try_verify().expect("grace: the issuer cannot be reached");
        });
        let withdrawn = setup.token();
        setup.issuer.rotate();
        setup.publish_current();
        pause(&setup);
        let verdict = runtime.block_on(setup.api.verify(&withdrawn));
        assert!(matches!(verdict, Err(VerifyError::Token(_))), "{verdict:?}");
    }
}

/// A runtime that is not driven between calls: its attempt neither fails nor ends, and says nothing about the issuer.
#[test]
fn an_undriven_attempt_is_no_evidence_of_an_outage() {
    let setup = Setup::new(|issuer| Fetch::Keys(keys(issuer), Some(MINUTE)));
    let stalled = paused_runtime();
    stalled.block_on(setup.verify()).unwrap();
    let withdrawn = setup.token();
    setup.issuer.rotate();
    setup.publish_current();
    setup.clock.advance(MINUTE.saturating_sub(SECOND));
    stalled.block_on(async { setup.api.try_verify(&withdrawn).unwrap() });
    setup.clock.advance(MINUTE);
    let verdict = paused_runtime().block_on(setup.api.verify(&withdrawn));
    assert!(verdict.is_err(), "{verdict:?}");
}

/// A call that panics ends its runtime, and with it a refresh that did not panic.
#[test]
fn an_attempt_lost_in_a_panic_is_no_evidence_of_an_outage() {
    let setup = Setup::new(|issuer| Fetch::Keys(keys(issuer), Some(MINUTE)));
    paused_runtime().block_on(setup.verify()).unwrap();
    let withdrawn = setup.token();
    setup.issuer.rotate();
    setup.source.set(Fetch::Hang);
    setup.clock.advance(MINUTE.saturating_sub(SECOND));
    let call = std::thread::spawn({
        let (api, withdrawn) = (setup.api.clone(), withdrawn.clone());
        move || {
            paused_runtime().block_on(async {
                api.verify(&withdrawn).await.unwrap();
                settle().await;
                panic!("on purpose");
            })
        }
    });
    assert!(call.join().is_err());
    assert_eq!(setup.source.fetches(), 2);
    setup.publish_current();
    setup.clock.advance(2 * SECOND);
    let verdict = paused_runtime().block_on(setup.api.verify(&withdrawn));
    assert!(verdict.is_err(), "{verdict:?}");
}

/// The issuer has answered without the key. Then an edge of a content delivery network answers with what it has held for longer.
#[tokio::test(start_paused = true)]
async fn an_older_document_does_not_restore_a_withdrawn_key() {
    let setup = Setup::new(|issuer| Fetch::Keys(keys(issuer), Some(HOUR)));
    setup.verify().await.unwrap();
    let (withdrawn, stale) = (setup.token(), keys(&setup.issuer));
    let forward = async |time| {
        setup.clock.set(setup.clock.now() + time);
        tokio::time::sleep(time).await;
    };
    forward(MINUTE).await;
    setup.issuer.rotate();
    setup.publish_current();
    setup.verify().await.unwrap();
    assert!(setup.api.verify(&withdrawn).await.is_err());
    setup.source.set(Fetch::Aged(stale, HOUR / 2));
    // For as long as the answer is fresh.
    for _ in 0..59 {
        forward(10 * SECOND).await;
        let verdict = setup.api.verify(&withdrawn).await;
        assert!(verdict.is_err(), "{verdict:?}");
    }
}

/// A runtime that is driven for a moment every few seconds: its attempt takes long, and through no fault of the issuer.
#[test]
fn a_rarely_driven_attempt_is_no_evidence_of_an_outage() {
    let setup = Setup::new(|issuer| Fetch::Keys(keys(issuer), Some(MINUTE)));
    let runtime = paused_runtime();
    runtime.block_on(setup.verify()).unwrap();
    let withdrawn = setup.token();
    setup.issuer.rotate();
    setup.source.set(Fetch::Late(keys(&setup.issuer), SECOND / 20));
    setup.clock.advance(MINUTE);
    for call in 0..20 {
        runtime.block_on(async {
            let verdict = setup.api.try_verify(&withdrawn);
            assert!(verdict.is_err(), "call {call}: {verdict:?}");
            tokio::task::yield_now().await;
        });
        setup.clock.advance(5 * SECOND);
    }
}

/// A request waits for a refresh for one second at most; then the attempt is evidence.
#[test]
fn a_request_past_the_lifetime_waits_at_most_one_second_for_the_issuer() {
    let setup = Setup::new(|issuer| Fetch::Keys(keys(issuer), None));
    paused_runtime().block_on(setup.verify()).unwrap();
    setup.source.set(Fetch::Hang);
    setup.clock.advance(HOUR / 2);
    paused_runtime().block_on(async {
        let started = tokio::time::Instant::now();
        for waits in [SECOND, Duration::ZERO, Duration::ZERO] {
            let before = started.elapsed();
            setup.verify().await.unwrap();
            let waited = started.elapsed().saturating_sub(before);
            assert!(waited.abs_diff(waits) <= Duration::from_millis(2), "{waited:?}");
        }
    });
}

/// Over HTTP, and with the reasons told: an operator can see why nothing passes.
#[tokio::test]
async fn a_set_without_usable_keys_reports_a_reason_for_each_key() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let jwks = json!({ "keys": [
        { "kty": "RSA", "alg": "RSA256", "kid": "first", "n": "AQAB", "e": "AQAB" },
        { "kty": "EC", "use": "enc", "kid": "second" },
    ] });
    issuer.fail(tower_bearer::testing::Endpoint::Jwks, Fault::Body(jwks.to_string().into_bytes()));
    let token = good(&issuer).sign();
    present(&app(&api), &token).await.assert_keys_unavailable();
    let skipped: Vec<_> = api.status()[0].skipped.iter().map(ToString::to_string).collect();
    assert_eq!(skipped.len(), 2);
    assert!(skipped[0].contains("\"first\"") && skipped[0].contains("RSA256"), "{skipped:?}");
    let explanation = api.explain(&token).await.to_string();
    for reason in &skipped {
        assert!(explanation.contains(reason.as_str()), "{reason}: {explanation}");
    }
}
