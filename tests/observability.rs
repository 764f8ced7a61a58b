//! Observability: counts (feature `metrics`) and spans, without anything that must not be logged.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use tower_bearer::rejection::{Problem, RejectionKind};
use tower_bearer::testing::{Endpoint, Fault, TestClock, TestIssuer};
use tower_bearer::{AccessToken, Require, ResourceServer, metrics};
use tracing::Level;

use crate::harness::memory_source::{MINUTE, Setup};
use crate::harness::scrape::{lines, scrape_after};
use crate::harness::{app, current_thread_runtime, good, log, paused_runtime, present, send, server, small_issuer};

#[test]
fn tokens_refusals_and_the_cache_are_counted() {
    let issuer = small_issuer();
    let scrape = scrape_after(async {
        let app = app(&server(&issuer));
        let token = good(&issuer).sign();
        for _ in 0..3 {
            present(&app, &token).await.assert_ok();
        }
        present(&app, &good(&issuer).expired_for(Duration::from_secs(90)).sign()).await.assert_invalid_token();
        present(&app, &good(&issuer).audience("x").sign()).await.assert_invalid_token();
        present(&app, &good(&issuer).scope("other").sign()).await.assert_insufficient_scope("read:me");
        present(&app, "a,b").await.assert_invalid_request();
        send(&app, "/me", []).await.assert_bare();
        send(&app, "/me", [&b"Bearer"[..]]).await.assert_invalid_request();
    });
    assert_eq!(
        lines(&scrape, metrics::TOKENS),
        [
            r#"{result="accepted",reason=""} 4"#,
            r#"{result="refused",reason="audience"} 1"#,
            r#"{result="refused",reason="expired"} 1"#,
            r#"{result="refused",reason="malformed"} 1"#,
        ]
    );
    assert_eq!(
        lines(&scrape, metrics::REFUSALS),
        [
            r#"{kind="insufficient_scope"} 1"#,
            r#"{kind="invalid_request"} 2"#,
            r#"{kind="invalid_token"} 2"#,
            r#"{kind="no_credentials"} 1"#,
        ]
    );
    assert_eq!(lines(&scrape, metrics::TOKEN_CACHE), [r#"{result="hit"} 1"#, r#"{result="miss"} 3"#]);
    assert!(scrape.contains(&format!("# HELP {} ", metrics::TOKENS)), "{scrape}");
}

#[test]
fn key_counts_and_ages_are_reported_per_issuer() {
    let (clock, issuer) = (TestClock::new(), small_issuer());
    let api = ResourceServer::builder("https://api.example.test").trust(issuer.issuer()).clock(clock.clone());
    let api = api.build().unwrap();
    let began = std::time::SystemTime::now();
    let scrape = scrape_after(async {
        let token = good(&issuer).expires_in(Duration::from_secs(3600)).sign();
        assert!(api.verify(&token).await.is_ok());
        issuer.fail(Endpoint::Jwks, Fault::Status(500));
        clock.advance(Duration::from_secs(590));
        // A fetch is due, in the background.
        while api.status()[0].failures == 0 {
            assert!(api.try_verify(&token).is_ok());
            tokio::task::yield_now().await;
        }
    });
    let url = issuer.url();
    assert_eq!(
        lines(&scrape, metrics::KEY_FETCHES),
        [format!(r#"{{issuer="{url}",result="failure"}} 1"#), format!(r#"{{issuer="{url}",result="success"}} 1"#)]
    );
    assert_eq!(lines(&scrape, &format!("{}{{", metrics::KEYS)), [format!(r#"issuer="{url}"}} 1"#)]);
    let timestamps = lines(&scrape, metrics::KEYS_TIMESTAMP);
    let current: f64 = timestamps[0].rsplit(' ').next().unwrap().parse().unwrap();
    let began = began.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((current - began).abs() < 60.0, "when they were fetched, not when that failed: {current} {began}");
}

#[test]
fn tokens_without_available_keys_are_counted_as_undecided() {
    let issuer = small_issuer();
    issuer.fail(Endpoint::Jwks, Fault::Status(500));
    let scrape = scrape_after(async {
        present(&app(&server(&issuer)), &good(&issuer).sign()).await.assert_keys_unavailable();
    });
    assert_eq!(lines(&scrape, metrics::TOKENS), [r#"{result="undecided",reason=""} 1"#]);
    assert_eq!(lines(&scrape, metrics::REFUSALS), [r#"{kind="keys_unavailable"} 1"#]);
}

/// A handler may check a requirement without refusing the request.
#[test]
fn checking_a_requirement_counts_no_refusal() {
    let issuer = small_issuer();
    let scrape = scrape_after(async {
        let api = server(&issuer);
        let handler = async |State(api): State<ResourceServer>, token: AccessToken| {
            format!("{}", api.check(&token, &Require::scope("admin")).is_ok())
        };
        let app = Router::new().route("/me", get(handler)).layer(api.layer()).with_state(api);
        present(&app, &good(&issuer).sign()).await.assert_ok();
    });
    assert_eq!(lines(&scrape, metrics::REFUSALS), [""; 0]);
}

/// Nothing else reports these.
#[test]
fn a_route_without_a_layer_is_counted_as_a_refusal() {
    let scrape = scrape_after(async {
        let app = Router::new().route("/me", get(async |_: AccessToken| ()));
        assert_eq!(send(&app, "/me", []).await.status, 500);
    });
    assert_eq!(lines(&scrape, metrics::REFUSALS), [r#"{kind="unprotected"} 1"#]);
}

/// An explanation is no decision.
#[test]
fn an_explanation_is_not_counted() {
    let issuer = small_issuer();
    let scrape = scrape_after(async {
        let api = server(&issuer);
        assert!(api.explain(&good(&issuer).sign()).await.verdict().is_ok());
    });
    assert_eq!(lines(&scrape, metrics::TOKENS), [""; 0]);
}

/// The labels are words of the crate's own, or trusted issuers.
#[test]
fn untrusted_values_create_no_metric_series() {
    let issuer = small_issuer();
    let scrape = scrape_after(async {
        let app = app(&server(&issuer));
        for number in 0..200 {
            let odd = format!("https://{number}.example.test");
            for token in
                [good(&issuer).claim("iss", &odd), good(&issuer).header("kid", &odd), good(&issuer).header("alg", &odd)]
            {
                let _ = present(&app, &token.claim("nbf", 1).expired_for(Duration::from_secs(90)).sign()).await;
            }
        }
    });
    assert!(!scrape.contains("199.example.test"), "{scrape}");
    assert_eq!(lines(&scrape, metrics::TOKENS).len(), 3, "{scrape}");
}

#[test]
fn refusal_names_are_distinct() {
    let kinds = [
        RejectionKind::NoCredentials,
        RejectionKind::InvalidRequest,
        RejectionKind::InvalidToken,
        RejectionKind::InvalidProof,
        RejectionKind::NonceRequired,
        RejectionKind::InsufficientAuthentication,
        RejectionKind::InsufficientScope,
        RejectionKind::CrossSite,
        RejectionKind::InvalidMessage,
        RejectionKind::MessageTooLong,
        RejectionKind::UnknownSession,
        RejectionKind::KeysUnavailable,
        RejectionKind::TenantUnavailable,
        RejectionKind::IntrospectionUnavailable,
        RejectionKind::ReplayStoreUnavailable,
        RejectionKind::RevocationsUnavailable,
        RejectionKind::TooManyRequests,
        RejectionKind::Unprotected,
    ];
    let names: std::collections::BTreeSet<_> = kinds.iter().map(|kind| kind.name()).collect();
    assert_eq!(names.len(), kinds.len());
}

/// The log at level TRACE after `story`, which runs on this thread alone.
fn logged(story: impl Future<Output = ()>) -> String {
    log::logged(|| current_thread_runtime().block_on(story)).1
}

/// The lines with which spans of requests ended, from their fields on.
fn spans(log: &str) -> Vec<&str> {
    let ends = log.lines().filter(|line| line.contains("close"));
    ends.filter_map(|line| Some(line.split_once("bearer{")?.1.split_once('}')?.0)).collect()
}

fn layered(api: &ResourceServer, issuer: &TestIssuer) -> (Router, String) {
    let handler = async |_: AccessToken| tracing::info!("handled");
    let routes = Router::new().route("/me", get(handler).layer(Require::scope("read:me")));
    (routes.layer(api.layer()), format!("issuer=\"{}\"", issuer.url()))
}

#[test]
fn a_span_has_issuer_outcome_and_reason() {
    let issuer = small_issuer();
    let (app, from) = layered(&server(&issuer), &issuer);
    let log = logged(async {
        present(&app, &good(&issuer).sign()).await.assert_ok();
        present(&app, &good(&issuer).scope("x").sign()).await.assert_insufficient_scope("read:me");
        present(&app, &good(&issuer).audience("x").sign()).await.assert_invalid_token();
        send(&app, "/me", []).await.assert_bare();
        let _ = present(&app, "a,b").await;
    });
    assert_eq!(
        spans(&log),
        [
            format!(r#"{from} outcome="granted""#),
            format!(r#"{from} outcome="insufficient_scope""#),
            r#"reason="audience" outcome="invalid_token""#.to_owned(),
            r#"outcome="no_credentials""#.to_owned(),
            r#"reason="malformed" outcome="invalid_request""#.to_owned(),
        ],
        "{log}"
    );
    let handled = log.lines().find(|line| line.contains("handled")).unwrap();
    assert!(handled.contains(&format!("bearer{{{from}")), "what happens within happens in the span: {handled}");
}

/// The event stays where strangers cannot fill the log with it.
#[test]
fn the_level_of_a_span_is_the_one_that_was_set() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let set = |level| api.layer().trace_level(level);
    for (layer, level) in [
        (api.layer(), "DEBUG"),
        (set(Level::ERROR), "ERROR"),
        (set(Level::WARN), "WARN"),
        (set(Level::INFO), "INFO"),
        (set(Level::DEBUG), "DEBUG"),
        (set(Level::TRACE), "TRACE"),
    ] {
        let app = Router::new().route("/me", get(async || ())).layer(layer.respond_with(Problem));
        let log = logged(async {
            present(&app, &good(&issuer).sign()).await.assert_ok();
            present(&app, &good(&issuer).audience("x").sign()).await.assert_invalid_token();
        });
        let level_of = |line: &str| line.split_whitespace().nth(1).unwrap().to_owned();
        let ends: Vec<_> = log.lines().filter(|line| line.contains("close")).map(level_of).collect();
        assert_eq!(ends, [level, level], "{log}");
        assert_eq!(spans(&log)[1], r#"reason="audience" outcome="invalid_token""#, "{log}");
        let events: Vec<_> = log.lines().filter(|line| line.contains("request refused")).map(level_of).collect();
        assert_eq!(events, ["DEBUG"], "{log}");
    }
}

/// Also for requests that are refused before a token is read.
#[test]
fn every_refusal_logs_an_event_in_its_span() {
    let issuer = small_issuer();
    let (app, from) = layered(&server(&issuer), &issuer);
    let optional = Router::new().route("/me", get(async || ()).layer(Require::scope("read:me")));
    let optional = optional.layer(server(&issuer).layer().optional());
    let log = logged(async {
        present(&app, &good(&issuer).audience("x").sign()).await.assert_invalid_token();
        present(&app, &good(&issuer).scope("x").sign()).await.assert_insufficient_scope("read:me");
        send(&app, "/me", [&b"Bearer"[..]]).await.assert_invalid_request();
        send(&app, "/me", []).await.assert_bare();
        assert_eq!(send(&optional, "/me", []).await.status, 401);
    });
    let events: Vec<_> = log.lines().filter(|line| line.contains("request refused")).collect();
    let told = [
        r#"bearer{reason="audience"}: "#.to_owned(),
        format!("bearer{{{from}}}: "),
        r#"error="malformed credentials, or more than one""#.to_owned(),
        r#"error="no credentials""#.to_owned(),
        r#"error="no credentials""#.to_owned(),
    ];
    assert_eq!(events.len(), told.len(), "{log}");
    for (event, told) in events.into_iter().zip(told) {
        assert!(event.contains("bearer") && event.contains(&told), "{event}");
    }
}

/// And not whenever they are fetched.
#[test]
fn the_keys_of_an_issuer_are_logged_when_they_are_loaded_and_when_they_change() {
    let text = log::logging(|log| {
        paused_runtime().block_on(async {
            let setup = Setup::warm(None).await;
            for _ in 0..20 {
                tokio::time::sleep(MINUTE).await;
                setup.verify().await.unwrap();
            }
            assert!(setup.source.fetches() > 1);
            setup.issuer.rotate();
            setup.publish_current();
            setup.verify().await.unwrap();
        });
        log.text()
    });
    let count = |what| text.lines().filter(|line| line.contains("INFO") && line.contains(what)).count();
    let counts = ["keys were loaded", "keys have changed"].map(count);
    assert_eq!(counts, [1, 1], "{text}");
}

#[test]
fn an_anonymous_request_is_logged_as_anonymous() {
    let issuer = small_issuer();
    let app = Router::new().route("/me", get(async || ())).layer(server(&issuer).layer().optional());
    let log = logged(async { send(&app, "/me", []).await.assert_ok() });
    assert_eq!(spans(&log), [r#"outcome="anonymous""#]);
}

/// Row A20.
#[test]
fn logs_hold_no_token_and_a_subject_only_if_enabled() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let plain = Router::new().route("/me", get(async || ())).layer(api.layer());
    let with_subject = Router::new().route("/me", get(async || ())).layer(api.layer().trace_subject());
    for (app, subject_is_shown) in [(plain, false), (with_subject, true)] {
        let good = good(&issuer).subject("user-of-no-concern");
        let tokens = [good.clone(), good.clone().expired_for(Duration::from_secs(90)), good.signed_by(&small_issuer())];
        let tokens = tokens.map(|token| token.sign());
        let log = logged(async {
            for token in &tokens {
                let _ = present(&app, token).await;
            }
        });
        assert_eq!(spans(&log).len(), 3);
        for part in tokens.iter().flat_map(|token| token.split('.').skip(1)) {
            assert!(!log.contains(part), "{log}");
        }
        assert_eq!(log.contains("subject=\"user-of-no-concern\" outcome=\"granted\""), subject_is_shown, "{log}");
        assert_eq!(log.matches("user-of-no-concern").count(), usize::from(subject_is_shown), "{log}");
    }
}
