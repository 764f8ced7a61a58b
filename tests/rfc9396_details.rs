//! Authorization details (RFC 9396): what a token grants in particular, and what requires it.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tower_bearer::testing::{TestIssuer, TokenBuilder};
use tower_bearer::token::AuthorizationDetail;
use tower_bearer::validation::{TokenError, VerifyError};
use tower_bearer::{AccessToken, Require, ResourceServer};

use crate::harness::{good, present, server, small_issuer, strict_server, with_raw_member};

const PAYMENTS: &str = "https://api.example.test/payments";

fn detailed(issuer: &TestIssuer, details: &Value) -> TokenBuilder {
    good(issuer).claim("authorization_details", details)
}

async fn verify(api: &ResourceServer, token: &TokenBuilder) -> AccessToken {
    api.verify(&token.sign()).await.unwrap()
}

fn initiates(detail: &AuthorizationDetail<'_>) -> bool {
    detail.actions().is_some_and(|actions| actions.iter().any(|action| action == "initiate"))
}

fn payment() -> Require {
    Require::token().and_authorization_detail("payment", PAYMENTS, initiates)
}

#[derive(Debug, Deserialize, PartialEq)]
struct Payment {
    cents: u64,
}

/// Row M6.
#[tokio::test]
async fn a_detail_has_its_type_its_common_members_and_the_rest() {
    let issuer = small_issuer();
    let api = server(&issuer);
    assert_eq!(verify(&api, &good(&issuer)).await.authorization_details().count(), 0);
    assert_eq!(verify(&api, &detailed(&issuer, &json!([]))).await.authorization_details().count(), 0);

    let token = detailed(
        &issuer,
        &json!([
            {
                "type": "payment", "locations": [PAYMENTS], "actions": ["initiate", "can\ncel"], "datatypes": [],
                "identifier": "account-\u{e9}\"", "privileges": ["admin"], "cents": 4_500,
            },
            { "type": "payment", "cents": -1 },
            { "type": "https://scheme.example.org/files" },
        ]),
    );
    let token = verify(&api, &token).await;
    let details: Vec<_> = token.authorization_details().collect();
    let kinds: Vec<_> = details.iter().map(AuthorizationDetail::kind).collect();
    assert_eq!(kinds, ["payment", "payment", "https://scheme.example.org/files"]);
    let texts = |texts: Option<Vec<Cow<'_, str>>>| texts.map(|texts| texts.join("|"));
    let [first, second, third] = &*details else { panic!("{details:?}") };
    assert_eq!(texts(first.locations()).as_deref(), Some(PAYMENTS));
    assert_eq!(texts(first.actions()).as_deref(), Some("initiate|can\ncel"));
    assert_eq!(texts(first.datatypes()).as_deref(), Some(""));
    assert_eq!(texts(first.privileges()).as_deref(), Some("admin"));
    assert_eq!(first.identifier().as_deref(), Some("account-\u{e9}\""));
    assert_eq!(first.parse(), Ok(Payment { cents: 4_500 }));
    for detail in [second, third] {
        let lists = [detail.locations(), detail.actions(), detail.datatypes(), detail.privileges()];
        assert_eq!((lists, detail.identifier()), ([None, None, None, None], None));
    }
    let error = second.parse::<Payment>().unwrap_err().to_string();
    let expected = "expected an authorization detail of the type ";
    assert!(error.starts_with(expected) && error.contains("Payment, found a mismatch in \"/"), "{error}");
    let shown = format!("{first:?}");
    assert!(shown.contains("payment") && !shown.contains("4500") && !shown.contains("account"), "{shown}");
}

/// A malformed claim is not taken for one that grants nothing.
#[tokio::test]
async fn malformed_authorization_details_are_an_invalid_token() {
    let issuer = small_issuer();
    let detail = json!({ "type": "payment" });
    let malformed = [
        json!(null),
        json!("payment"),
        json!(1),
        json!(false),
        json!({}),
        detail.clone(),
        json!([null]),
        json!(["payment"]),
        json!([[detail]]),
        json!([{}]),
        json!([{ "Type": "payment" }]),
        json!([{ "type": "" }]),
        json!([{ "type": null }]),
        json!([{ "type": ["payment"] }]),
        json!([{ "type": 1 }]),
        json!([{ "x": detail }]),
        json!([detail, 1]),
        json!([detail, { "actions": ["initiate"] }]),
        json!([{ "actions": ["initiate"] }, detail]),
        Value::Array(vec![detail.clone(); 65]),
        Value::Array(vec![detail.clone(); 500]),
        json!(r#"[{"type":"payment"}]"#),
    ];
    for api in [server(&issuer), strict_server(&issuer)] {
        let app = Router::new().route("/me", get(async || ())).layer(api.layer());
        for details in &malformed {
            let token = detailed(&issuer, details).sign();
            present(&app, &token).await.assert_invalid_token();
            let error = api.verify(&token).await.unwrap_err();
            let is_about_it =
                matches!(error, VerifyError::Token(TokenError::MalformedClaim { claim: "authorization_details", .. }));
            assert!(is_about_it, "{error}");
        }
        for twice in [
            r#""authorization_details":[],"authorization_details":[]"#,
            r#""authorization_details":[],"authorization_detail\u0073":[]"#,
            r#""authorization_details":[{"type":"a","type":"payment"}]"#,
            r#""authorization_details":[{"type":"a","\u0074ype":"payment"}]"#,
            r#""authorization_details":[{"type":"a","x":[{"y":1,"y":2}]}]"#,
        ] {
            present(&app, &with_raw_member(&good(&issuer), twice).sign()).await.assert_invalid_token();
        }
        let most = detailed(&issuer, &Value::Array(vec![detail.clone(); 64])).sign();
        assert_eq!(api.verify(&most).await.unwrap().authorization_details().count(), 64);
    }
}

#[tokio::test]
async fn an_error_about_authorization_details_says_what_is_wrong() {
    let issuer = small_issuer();
    let api = server(&issuer);
    for (details, found) in [
        (json!({ "type": "payment" }), "no array"),
        (json!([{ "type": 1 }]), "an element that is not an object with such a type"),
        (Value::Array(vec![json!({ "type": "payment" }); 65]), "more than 64 elements"),
    ] {
        let error = api.verify(&detailed(&issuer, &details).sign()).await.unwrap_err().to_string();
        let expected = "expected an array of at most 64 objects, each with a type, as a non-empty string";
        assert_eq!(
            error,
            format!(
                r#"the token is refused: the claim "authorization_details" is malformed: {expected}, found {found}"#
            )
        );
    }
}

/// The type compares byte by byte (§2.1), and what has another one is not even looked at.
/// Row M6.
#[tokio::test]
async fn a_detail_of_another_type_grants_nothing() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let any_payment = Require::token().and_authorization_detail("payment", PAYMENTS, move |detail| {
        assert_eq!(detail.kind(), "payment");
        count.fetch_add(1, Ordering::Relaxed);
        true
    });
    for kind in ["Payment", "payment ", " payment", "payment\n", "payments", "p\u{430}yment", "payment_initiation", "*"]
    {
        let details = json!([{ "type": kind, "actions": ["initiate"] }, { "type": "x", "y": { "type": "payment" } }]);
        let token = verify(&api, &detailed(&issuer, &details)).await;
        assert!(api.check(&token, &any_payment).is_err() && api.check(&token, &payment()).is_err(), "{kind:?}");
    }
    assert_eq!(seen.load(Ordering::Relaxed), 0);
    // With an escape it is the same type.
    let escaped = with_raw_member(&good(&issuer), r#""authorization_details":[{"ty\u0070e":"p\u0061yment"}]"#);
    let token = verify(&api, &escaped).await;
    assert!(api.check(&token, &any_payment).is_ok());
    assert_eq!(seen.load(Ordering::Relaxed), 1);
}

/// A detail that is for another server is none here, and a malformed restriction is not taken for no restriction.
#[tokio::test]
async fn a_detail_with_locations_counts_only_at_one_of_them() {
    let issuer = small_issuer();
    let api = server(&issuer);
    for (locations, is_here) in [
        (None, true),
        (Some(json!([PAYMENTS])), true),
        (Some(json!(["https://other.example.test", PAYMENTS])), true),
        (Some(json!(["https://other.example.test"])), false),
        (Some(json!([format!("{PAYMENTS}/")])), false),
        (Some(json!(["https://api.example.test"])), false),
        (Some(json!([format!("{PAYMENTS}/7")])), false),
        (Some(json!([PAYMENTS.to_uppercase()])), false),
        (Some(json!([format!("{PAYMENTS} https://other.example.test")])), false),
        (Some(json!([])), false),
        (Some(json!([""])), false),
        (Some(json!(null)), false),
        (Some(json!(true)), false),
        (Some(json!(PAYMENTS)), false),
        (Some(json!([PAYMENTS, 1])), false),
        (Some(json!([[PAYMENTS]])), false),
        (Some(json!({ "0": PAYMENTS })), false),
    ] {
        let mut detail = json!({ "type": "payment", "actions": ["initiate"] });
        if let Some(locations) = &locations {
            detail["locations"] = locations.clone();
        }
        let token = verify(&api, &detailed(&issuer, &json!([detail]))).await;
        assert_eq!(api.check(&token, &payment()).is_ok(), is_here, "{locations:?}");
        assert_eq!(token.authorization_details().next().unwrap().is_for(PAYMENTS), is_here, "{locations:?}");
    }
}

/// A member that should restrict a grant restricts it, whatever its form.
#[tokio::test]
async fn a_malformed_common_member_reads_as_empty_and_not_as_absent() {
    let issuer = small_issuer();
    let api = server(&issuer);
    for value in [json!(null), json!(1), json!(true), json!({}), json!(["a", 1]), json!([["a"]]), json!([null])] {
        let detail = json!({
            "type": "payment", "locations": value, "actions": value, "datatypes": value, "privileges": value, "identifier": value,
        });
        let token = verify(&api, &detailed(&issuer, &json!([detail]))).await;
        let detail = token.authorization_details().next().unwrap();
        let empty = Some(Vec::new());
        for texts in [detail.locations(), detail.actions(), detail.datatypes(), detail.privileges()] {
            assert_eq!(texts, empty, "{value}");
        }
        assert_eq!(detail.identifier().as_deref(), Some(""), "{value}");
    }
    // A list where a text belongs, and the reverse.
    let detail = json!({ "type": "payment", "actions": "initiate", "identifier": ["a"] });
    let token = verify(&api, &detailed(&issuer, &json!([detail]))).await;
    let detail = token.authorization_details().next().unwrap();
    assert_eq!((detail.actions(), detail.identifier().as_deref()), (Some(Vec::new()), Some("")));
}

#[tokio::test]
async fn one_detail_has_to_be_all_that_is_required() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let large = Require::token().and_authorization_detail("payment", PAYMENTS, |detail| {
        initiates(detail) && detail.parse().is_ok_and(|Payment { cents }| cents >= 100)
    });
    let check = async |details: Value| {
        let token = verify(&api, &detailed(&issuer, &details)).await;
        api.check(&token, &large).is_ok()
    };
    let here = |actions: &[&str], cents: u64| json!({ "type": "payment", "actions": actions, "cents": cents });
    assert!(check(json!([here(&["initiate"], 100)])).await);
    assert!(check(json!([{ "type": "x" }, here(&["status"], 1), here(&["status", "initiate"], 500)])).await);
    assert!(!check(json!([here(&["initiate"], 99), here(&["status"], 100)])).await, "two do not add up");
    let elsewhere = json!({ "type": "payment", "actions": ["initiate"], "cents": 100, "locations": ["x"] });
    assert!(
        !check(json!([elsewhere, here(&["status"], 100), { "type": "x", "actions": ["initiate"], "cents": 100 }]))
            .await
    );
    assert!(!check(json!([])).await);
    assert!(api.check(&verify(&api, &good(&issuer)).await, &large).is_err());
    // A scope of that name is no detail.
    assert!(api.check(&verify(&api, &good(&issuer).scope("payment initiate")).await, &large).is_err());
}

/// No RFC has a parameter with which a resource server asks for a detail.
#[tokio::test]
async fn a_missing_detail_is_403_without_a_scope() {
    let issuer = small_issuer();
    let api = server(&issuer);
    let app = Router::new().route("/me", get(async || ()).layer(Require::scope("read:me").and(payment())));
    let app = app.layer(api.layer());
    let other = json!([{ "type": "account", "actions": ["initiate"] }]);
    for token in [good(&issuer), detailed(&issuer, &other)] {
        let answer = present(&app, &token.sign()).await;
        let challenge = r#"Bearer realm="https://api.example.test", error="insufficient_scope", error_description="The request needs more than the access token grants""#;
        assert_eq!((answer.status, answer.challenge()), (StatusCode::FORBIDDEN, Some(challenge)));
    }
    let good = json!([{ "type": "payment", "actions": ["initiate"] }]);
    present(&app, &detailed(&issuer, &good).sign()).await.assert_ok();
    present(&app, &detailed(&issuer, &good).scope("x").sign()).await.assert_insufficient_scope("read:me");
}
