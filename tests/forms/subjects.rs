//! Tokens without `sub`, of a client for itself.

use serde_json::{Value, json};
use tower_bearer::testing::TokenBuilder;
use tower_bearer::validation::{Profile, TokenError, VerifyError};
use tower_bearer::{AccessToken, Issuer, Require, ResourceServer};

use crate::harness::{AUDIENCE, ISSUER, good};

fn api(issuer: impl FnOnce(Issuer) -> Issuer, profile: Profile) -> ResourceServer {
    let keys = tower_bearer::jose::JwkSet::from_json(ISSUER.jwks().to_string().as_bytes()).unwrap();
    let issuer = issuer(Issuer::keys(ISSUER.url(), keys).unwrap());
    ResourceServer::builder(AUDIENCE).trust(issuer).profile(profile).build().unwrap()
}

fn lenient() -> ResourceServer {
    api(Issuer::client_as_subject, Profile::Generic)
}

/// With a `sub` as many issuers leave it out: absent, empty or null.
fn without_subject() -> [TokenBuilder; 3] {
    let token = || good(&ISSUER).client_id("batch");
    [token().without_claim("sub"), token().subject(""), token().claim("sub", Value::Null)]
}

fn refusal(api: &ResourceServer, token: &TokenBuilder) -> Option<TokenError> {
    match api.try_verify(&token.sign()) {
        Ok(_) => None,
        Err(VerifyError::Token(error)) => Some(error),
        Err(other) => panic!("{other}"),
    }
}

/// Row C15.
#[test]
fn the_client_is_the_subject_of_a_token_without_sub_by_option() {
    let api = lenient();
    let facts =
        |token: &AccessToken| (token.subject().to_owned(), token.client_id().unwrap().to_owned(), token.is_client());
    for token in without_subject() {
        let token = api.try_verify(&token.sign()).unwrap();
        assert_eq!(facts(&token), ("batch".into(), "batch".into(), true));
        assert_eq!(
            token.claims::<Value>().unwrap().get("client_id"),
            Some(&json!("batch")),
            "the claims stay as signed"
        );
    }
    // `azp` names the client where `client_id` is absent.
    let azp = good(&ISSUER).without_claim("sub").without_claim("client_id").claim("azp", "batch");
    assert_eq!(facts(&api.try_verify(&azp.sign()).unwrap()), ("batch".into(), "batch".into(), true));
    // The client counts only where there is no subject.
    let user = good(&ISSUER).subject("ada").client_id("web");
    assert_eq!(facts(&api.try_verify(&user.sign()).unwrap()), ("ada".into(), "web".into(), false));
}

/// Rows C4, C15.
#[test]
fn a_token_without_sub_is_refused_without_the_option_without_a_client_and_in_the_strict_profile() {
    let missing = Some(TokenError::Missing { claim: "sub" });
    for token in without_subject() {
        assert_eq!(refusal(&api(|issuer| issuer, Profile::Generic), &token), missing);
        assert_eq!(refusal(&api(Issuer::client_as_subject, Profile::Rfc9068), &token), missing);
        for nameless in [token.clone().without_claim("client_id"), token.client_id("")] {
            assert_eq!(refusal(&lenient(), &nameless), missing);
        }
    }
    for wrong in [json!(1), json!(["batch"]), json!({}), json!(false)] {
        assert!(matches!(refusal(&lenient(), &good(&ISSUER).claim("sub", wrong)), Some(TokenError::Payload(_))));
    }
}

/// Row M5.
#[test]
fn is_client_tells_a_client_for_itself_from_a_user() {
    let api = api(|issuer| issuer, Profile::Generic);
    let is_client = |token: TokenBuilder| api.try_verify(&token.sign()).unwrap().is_client();
    assert!(is_client(good(&ISSUER).subject("batch").client_id("batch")));
    assert!(!is_client(good(&ISSUER).subject("ada").client_id("batch")));
    assert!(!is_client(good(&ISSUER).subject("batch").without_claim("client_id")), "no client is named");
}

#[test]
fn lists_of_subjects_apply_to_the_client_too() {
    let api = api(|issuer| issuer.client_as_subject().allow_subjects(["batch", "ada"]), Profile::Generic);
    for token in without_subject() {
        assert_eq!(refusal(&api, &token), None);
        assert_eq!(refusal(&api, &token.client_id("other")), Some(TokenError::Subject));
    }
}

#[test]
fn a_requirement_sees_the_client_as_the_subject() {
    let api = lenient();
    let users = Require::token().and_custom(|token, _| {
        if token.is_client() {
            Err(tower_bearer::require::Shortfall::denied("This operation needs a user"))
        } else {
            Ok(())
        }
    });
    let [token, ..] = without_subject();
    let now = std::time::SystemTime::now();
    assert!(users.check(&api.try_verify(&token.sign()).unwrap(), now).is_err());
    assert!(users.check(&api.try_verify(&good(&ISSUER).sign()).unwrap(), now).is_ok());
}

#[tokio::test]
async fn an_explanation_tells_an_empty_sub_from_none() {
    let found = async |api: &ResourceServer, token: &TokenBuilder| {
        let explanation = api.explain(&token.sign()).await;
        let step = explanation.steps().iter().find(|step| step.name == "sub").unwrap().clone();
        (step.expected, step.found, step.holds)
    };
    let [absent, empty, null] = without_subject();
    let strict = api(|issuer| issuer, Profile::Generic);
    assert_eq!(found(&strict, &absent).await, ("any".into(), "none".into(), false));
    assert_eq!(found(&strict, &null).await, ("any".into(), "none".into(), false));
    assert_eq!(found(&strict, &empty).await, ("any".into(), "an empty one".into(), false));
    assert_eq!(found(&strict, &good(&ISSUER).subject("ada")).await, ("any".into(), "one".into(), true));
    let expected = "any, or a client instead".to_owned();
    let instead = "an empty one, and the client \"batch\"".to_owned();
    assert_eq!(found(&lenient(), &empty).await, (expected.clone(), instead, true));
    assert_eq!(
        found(&lenient(), &absent.without_claim("client_id")).await,
        (expected, "none, and no client".into(), false)
    );
}
