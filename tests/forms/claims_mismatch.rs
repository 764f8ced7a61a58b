//! Claims that do not parse as the application's type: the log names the member, and no value.

use serde::Deserialize;
use serde_json::json;
use tower_bearer::validation::{TokenError, VerifyError};
use tower_bearer::{Issuer, ResourceServer};

use crate::harness::log::logged;
use crate::harness::{AUDIENCE, ISSUER, app, current_thread_runtime, good, present};

#[derive(Deserialize)]
#[expect(dead_code, reason = "only whether it parses counts")]
struct Employee {
    department: String,
    badge: Badge,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only whether it parses counts")]
struct Badge {
    number: u16,
}

fn api() -> ResourceServer {
    let keys = tower_bearer::jose::JwkSet::from_json(ISSUER.jwks().to_string().as_bytes()).unwrap();
    let issuer = Issuer::keys(ISSUER.url(), keys).unwrap();
    ResourceServer::builder(AUDIENCE).trust(issuer).claims::<Employee>().build().unwrap()
}

#[test]
fn the_log_names_the_claim_that_does_not_fit() {
    let token = || good(&ISSUER).claim("department", "secret-department").claim("badge", json!({ "number": 7 }));
    let cases = [
        (token().without_claim("department"), "found no \"/department\""),
        (token().claim("badge", json!({})), "found no \"/badge/number\""),
        (token().claim("badge", json!({ "number": 123_456 })), "found a mismatch in \"/badge/number\", at byte "),
        (token().claim("department", json!(["secret-value"])), "found a mismatch in \"/department\", at byte "),
    ];
    for (token, expected) in cases {
        let token = token.sign();
        let Err(VerifyError::Token(TokenError::Claims(error))) = api().try_verify(&token) else { panic!("accepted") };
        assert!(error.to_string().contains(expected), "{error}");
        let ((), log) = logged(|| {
            current_thread_runtime().block_on(async {
                present(&app(&api()), &token).await.assert_invalid_token();
            });
        });
        // The log escapes quotation marks.
        assert!(log.contains(expected) || log.contains(&expected.replace('"', "\\\"")), "{log}");
        assert!(!log.contains("secret") && !log.contains("123456"), "{log}");
    }
    api().try_verify(&token().sign()).unwrap();
}

#[tokio::test]
async fn an_explanation_names_it_too() {
    let token = good(&ISSUER).claim("department", "secret").claim("badge", json!({ "number": -1 })).sign();
    let explanation = api().explain(&token).await;
    let step = explanation.failures().next().unwrap();
    assert_eq!(step.name, "claims");
    assert!(step.found.starts_with("a mismatch in \"/badge/number\", at byte "), "{}", step.found);
    assert!(step.found.ends_with(", for the type promises::forms::claims_mismatch::Employee"), "{}", step.found);
}
