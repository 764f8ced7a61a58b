//! An endpoint that does not answer, or answers something odd: 503, and never the client's fault.

use std::time::Duration;

use tower_bearer::introspection::{ClientAuthentication, Introspection, Secret};
use tower_bearer::testing::{Fault, TestClock};

use super::*;
use crate::harness::current_thread_runtime;
use crate::harness::log::logging;

/// Row N5.
#[tokio::test]
async fn whatever_is_no_answer_is_503() {
    let clock = TestClock::new();
    let rig = Rig::with(TestIssuer::introspection, |builder| builder.clock(clock.clone()));
    for fault in [
        Fault::Status(500),
        Fault::Status(503),
        Fault::Status(404),
        Fault::Status(204),
        Fault::Status(302),
        Fault::Redirect("https://other.example.test/introspect".to_owned()),
        Fault::Body(b"<html>".to_vec()),
        Fault::Body(Vec::new()),
        Fault::Disconnect,
        Fault::Truncate,
    ] {
        rig.issuer.fail(Endpoint::Introspection, fault.clone());
        let token = rig.token();
        assert_unavailable(rig.send(&token).await);
        rig.issuer.recover();
        // It is not remembered against the token, and only for a second at all.
        assert_unavailable(rig.send(&token).await);
        clock.advance(Duration::from_secs(1));
        assert_eq!(rig.status(&token).await, 200, "{fault:?}");
    }
}

#[tokio::test]
async fn one_odd_token_does_not_keep_others_from_being_asked_about() {
    let rig = Rig::new();
    rig.issuer.fail(Endpoint::Introspection, Fault::Status(500));
    let odd = rig.token();
    for _ in 0..50 {
        assert_unavailable(rig.send(&odd).await);
    }
    rig.issuer.recover();
    assert_eq!(rig.status(&rig.token()).await, 200);
}

/// Known tokens are not affected.
#[tokio::test]
async fn an_outage_opens_the_circuit_for_five_seconds() {
    let clock = TestClock::new();
    let rig = Rig::with(TestIssuer::introspection, |builder| builder.clock(clock.clone()));
    let known = rig.token();
    assert_eq!(rig.status(&known).await, 200);
    rig.issuer.fail(Endpoint::Introspection, Fault::Status(503));
    for _ in 0..30 {
        assert_unavailable(rig.send(&rig.token()).await);
    }
    // Twenty, with the one that was answered.
    assert_eq!(rig.calls(), 20, "then nobody is asked");
    assert_eq!(rig.status(&known).await, 200);
    rig.issuer.recover();
    assert_unavailable(rig.send(&rig.token()).await);
    clock.advance(Duration::from_secs(5));
    assert_eq!(rig.status(&rig.token()).await, 200);
}

#[test]
fn a_failing_endpoint_is_one_warning_until_it_answers() {
    let log = logging(|log| {
        current_thread_runtime().block_on(async {
            let rig = Rig::new();
            for _ in 0..2 {
                rig.issuer.fail(Endpoint::Introspection, Fault::Status(500));
                for _ in 0..3 {
                    assert_unavailable(rig.send(&rig.token()).await);
                }
                rig.issuer.recover();
                assert_eq!(rig.status(&rig.token()).await, 200);
            }
        });
        log.text()
    });
    let is_told = |line: &str, level: &str| line.contains(level) && line.contains("could not be validated");
    let told = |level: &str| log.lines().filter(|line| is_told(line, level)).count();
    assert_eq!((told(" WARN "), told(" DEBUG ")), (2, 4), "{log}");
    assert!(!log.contains(" ERROR "), "{log}");
}

/// The secret of this server is wrong: the operator has to know, whatever else fails, and the client can do nothing.
#[test]
fn wrong_credentials_of_this_server_are_an_error_in_the_log() {
    let (answer, log) = logging(|log| {
        let answer = current_thread_runtime().block_on(async {
            let trusted = |issuer: &TestIssuer| {
                let secret = Secret::new("zebra").unwrap();
                let client = ClientAuthentication::client_secret_basic("test-api", secret).unwrap();
                issuer.issuer().introspect(Introspection::discover(issuer.url(), client).unwrap())
            };
            let rig = Rig::with(trusted, |builder| builder);
            rig.issuer.fail(Endpoint::Introspection, Fault::Status(500));
            assert_unavailable(rig.send(&rig.token()).await);
            rig.issuer.recover();
            assert_unavailable(rig.send(&rig.token()).await);
            rig.send(&rig.token()).await
        });
        (answer, log.text())
    });
    assert_unavailable(answer);
    let errors: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(errors.len(), 1, "{log}");
    assert!(errors[0].contains("answered 401") && errors[0].contains("credentials"), "{log}");
    assert!(!log.contains("zebra"), "{log}");
}
