//! Explanations for developers: every rule, what it expected and what it found.

use std::time::{Duration, SystemTime};

use serde_json::json;
use tower_bearer::jose::{Algorithm, JsonError, JwsError};
use tower_bearer::redact::Excerpts;
use tower_bearer::server::Explanation;
use tower_bearer::testing::{Endpoint, Fault, TestIssuer, TokenBuilder};
use tower_bearer::token::NumericDate;
use tower_bearer::validation::VerifyError;
use tower_bearer::validation::{Profile, TokenError};
use tower_bearer::{Issuer, ResourceServer};

use crate::harness::{AUDIENCE, ISSUER, builder_with_keys, good, server, small_issuer, strict_server, with_raw_member};

fn failed(explanation: &Explanation) -> Vec<&'static str> {
    explanation.failures().map(|step| step.name).collect()
}

fn reason(error: Option<&VerifyError>) -> Option<&'static str> {
    match error {
        Some(VerifyError::Token(error)) => Some(error.reason()),
        Some(_) => Some("undecided"),
        None => None,
    }
}

/// Asserts that the explanation agrees with the verdict.
async fn assert_consistent(api: &ResourceServer, token: &str, what: &str) -> Explanation {
    let explanation = api.explain(token).await;
    assert_eq!(reason(explanation.verdict().err()), reason(api.verify(token).await.as_ref().err()), "{what}");
    assert_eq!(explanation.verdict().is_ok(), explanation.failures().next().is_none(), "{what}:\n{explanation}");
    explanation
}

#[tokio::test]
async fn a_good_token_passes_every_step() {
    for api in [server(&ISSUER), strict_server(&ISSUER)] {
        let explanation = assert_consistent(&api, &good(&ISSUER).sign(), "good").await;
        assert!(explanation.to_string().starts_with("accepted\npass  size"), "{explanation}");
        assert_eq!(explanation.steps().last().map(|step| step.name), Some("signature"));
    }
}

/// The decision list in the documentation of the crate decides which reason a token is refused for.
#[tokio::test]
async fn steps_follow_the_order_of_the_decision_list() {
    let api = strict_server(&ISSUER);
    api.ready().await;
    let explanation = api.explain(&good(&ISSUER).sign()).await;
    let order: Vec<_> = explanation.steps().iter().map(|step| step.name).collect();
    let decided: [&[&str]; 6] = [
        &["size", "form", "header", "payload"],
        &["iss", "alg"],
        &["typ", "kind", "profile", "scope", "act", "authorization_details"],
        &["cnf"],
        &["sub", "aud"],
        &["exp", "nbf", "iat"],
    ];
    assert_eq!(order, [&decided.concat()[..], &["keys", "kid", "signature"]].concat());
}

#[tokio::test]
async fn each_rule_reports_its_own_failure() {
    // Its keys never change, so that each row is the only one that counts.
    let api = builder_with_keys(ISSUER.url(), &ISSUER.jwks()).build().unwrap();
    let token = good(&ISSUER);
    let other = small_issuer();
    let rows: [(&str, TokenBuilder); 19] = [
        ("header", token.clone().header("alg", "none")),
        ("header", token.clone().header("crit", ["x"])),
        ("payload", token.clone().claim("iss", 1)),
        ("payload", with_raw_member(&token, r#""jti":"again""#)),
        ("iss", token.clone().claim("iss", "https://other.example.test")),
        ("iss", token.clone().without_claim("iss")),
        ("typ", token.clone().header("typ", "logout+jwt")),
        ("kind", token.clone().claim("at_hash", "x")),
        ("act", token.clone().claim("act", json!({}))),
        ("authorization_details", token.clone().claim("authorization_details", json!({}))),
        ("cnf", token.clone().claim("cnf", json!({}))),
        ("sub", token.clone().subject("")),
        ("aud", token.clone().audience("https://other.example.test")),
        ("exp", token.clone().expired_for(Duration::from_secs(90))),
        ("nbf", token.clone().claim("nbf", 9_000_000_000_u64)),
        ("iat", token.clone().claim("iat", 9_000_000_000_u64)),
        ("scope", token.clone().claim("scope", 1)),
        ("kid", token.clone().header("kid", "absent")),
        ("signature", token.clone().signed_by(&other)),
    ];
    for (name, token) in rows {
        let explanation = assert_consistent(&api, &token.sign(), name).await;
        assert_eq!(failed(&explanation), [name], "{explanation}");
    }
    for (name, text) in [("size", "a".repeat(16 * 1024 + 1)), ("form", "a.b".to_owned())] {
        assert_eq!(failed(&assert_consistent(&api, &text, name).await), [name]);
    }
}

#[tokio::test]
async fn delegation_and_details_are_explained() {
    let api = builder_with_keys(ISSUER.url(), &ISSUER.jwks()).build().unwrap();
    for (claim, value, found) in [
        ("act", json!({ "sub": "a", "act": { "sub": "b" } }), "2 of them"),
        ("act", json!([]), "an actor with neither a sub nor a client_id"),
        ("authorization_details", json!([]), "none"),
        ("authorization_details", json!([{ "type": "a" }, { "type": "b\n" }]), r#"["a", "b\n"]"#),
        ("authorization_details", json!({}), "no array"),
    ] {
        let explanation = assert_consistent(&api, &good(&ISSUER).claim(claim, &value).sign(), claim).await;
        let step = explanation.steps().iter().find(|step| step.name == claim).unwrap();
        assert_eq!(step.found, found, "{value}");
        assert!(step.expected.starts_with("none, or "), "{explanation}");
    }
}

#[tokio::test]
async fn all_failures_of_a_token_are_reported() {
    let api = strict_server(&ISSUER);
    let token =
        good(&ISSUER).header("typ", "JWT").audience("x").without_claim("jti").expired_for(Duration::from_secs(90));
    let token = token.signed_by(&small_issuer()).sign();
    let explanation = assert_consistent(&api, &token, "several").await;
    assert_eq!(failed(&explanation), ["typ", "profile", "aud", "exp"], "no key was needed to know that it is bad");
    api.ready().await;
    let explanation = assert_consistent(&api, &token, "several").await;
    assert_eq!(failed(&explanation), ["typ", "profile", "aud", "exp", "signature"]);
    let text = explanation.to_string();
    assert!(text.starts_with("refused: type\n"), "{text}");
    let audience = format!("FAIL  aud        expected {AUDIENCE:?}; found \"x\"  (RFC 9068 §4)");
    assert!(text.contains(&audience), "{text}");
    assert!(text.contains(" GMT (9") && text.contains(" s ago)  (RFC 7519 §4.1.4)"), "{text}");
}

#[tokio::test]
async fn further_rules_of_an_issuer_are_reported() {
    let keys = ISSUER.jwks();
    let keys = || tower_bearer::jose::JwkSet::from_json(keys.to_string().as_bytes()).unwrap();
    let issuer = || Issuer::keys(ISSUER.url(), keys()).unwrap();
    let build = |issuer| ResourceServer::builder(AUDIENCE).trust(issuer).build().unwrap();

    let subjects = build(issuer().allow_subjects(["user-2"]));
    assert_eq!(failed(&assert_consistent(&subjects, &good(&ISSUER).sign(), "subjects").await), ["subjects"]);
    let callers = Issuer::github_actions_enterprise(ISSUER.url(), ["74", "75"]).unwrap().keys_from(keys());
    let callers = build(callers);
    let explanation = assert_consistent(&callers, &good(&ISSUER).claim("repository_id", "76").sign(), "callers").await;
    assert_eq!(failed(&explanation), ["callers"]);
    let expected = "expected one of 2 values of repository_id; found \"76\"";
    assert!(explanation.to_string().contains(expected), "{explanation}");
    let listed = good(&ISSUER).claim("repository_id", "75").sign();
    assert!(assert_consistent(&callers, &listed, "a listed caller").await.verdict().is_ok());
    let clients = build(issuer().identify_by_client(["client-2"]));
    let explanation = assert_consistent(&clients, &good(&ISSUER).sign(), "clients").await;
    assert_eq!(failed(&explanation), ["clients"]);
    assert!(explanation.to_string().contains("expected one of \"client-2\"; found \"client-1\""), "{explanation}");
    let tenants = ["1a1a1a1a-1111-4111-8111-1a1a1a1a1a1a", "2b2b2b2b-2222-4222-8222-2b2b2b2b2b2b"];
    let strange = "3c3c3c3c-3333-4333-8333-3c3c3c3c3c3c";
    let iss = |tenant: &str| format!("https://login.microsoftonline.com/{tenant}/v2.0");
    let entra = build(Issuer::entra_tenants(tenants).unwrap().keys_from(keys()).allow_subjects(["user-2"]));
    let token = good(&ISSUER).claim("iss", iss(strange)).claim("tid", strange).claim("azp", "client-1");
    let explanation = assert_consistent(&entra, &token.sign(), "tenants").await;
    assert_eq!(failed(&explanation), ["tenants", "subjects"]);
    let expected = format!("expected [{:?}, {:?}]; found {:?}", iss(tenants[0]), iss(tenants[1]), iss(strange));
    assert!(explanation.to_string().contains(&expected), "{explanation}");
    assert!(
        explanation.to_string().contains("/{tenantid}/v2.0\" of any tenant, and the tenant in tid"),
        "{explanation}"
    );
    // The lists come after the signature, and one that is bad hides nothing from a developer.
    let forged = assert_consistent(&entra, &token.signed_by(&small_issuer()).sign(), "forged").await;
    assert_eq!(failed(&forged), ["signature", "tenants", "subjects"]);
    assert!(forged.to_string().starts_with("refused: signature\n"), "{forged}");
    // RFC 9068 requires an audience for every client.
    let clients = || ResourceServer::builder(AUDIENCE).trust(issuer().identify_by_client(["client-1"]));
    let without = good(&ISSUER).without_claim("aud").sign();
    for (api, holds, condition) in
        [(clients(), true, "and if there is an aud, "), (clients().profile(Profile::Rfc9068), false, "and in aud ")]
    {
        let explanation = assert_consistent(&api.build().unwrap(), &without, "no audience").await;
        let step = explanation.steps().iter().find(|step| step.name == "aud").unwrap();
        assert_eq!(step.expected, format!("a client, {condition}{AUDIENCE:?}"));
        assert_eq!((step.holds, &*step.found), (holds, "the client \"client-1\", aud none"));
    }
    let algorithms = build(issuer().algorithms([Algorithm::PS256]));
    assert_eq!(failed(&assert_consistent(&algorithms, &good(&ISSUER).sign(), "algorithms").await), ["alg"]);

    // A tenant stands for an issuer's identifier, and an issuer's identifier is not enough.
    let tenant = "11111111-2222-4333-8444-555555555555";
    let entra = build(Issuer::entra(tenant).unwrap().keys_from(keys()));
    let token = good(&ISSUER).claim("iss", format!("https://login.microsoftonline.com/{tenant}/v2.0"));
    for (token, tid) in [(token.clone(), "none"), (token.claim("tid", "other"), "\"other\"")] {
        let explanation = assert_consistent(&entra, &token.sign(), "tenant").await;
        let step = explanation.failures().find(|step| step.name == "iss").unwrap();
        assert_eq!(
            step.expected,
            format!("\"https://login.microsoftonline.com/{tenant}/v2.0\", and its tenant in tid")
        );
        assert!(step.found.ends_with(&format!(", tid {tid}")), "{explanation}");
    }

    // A preset's mark, at a realm whose keys are this issuer's.
    let keycloak = Issuer::keycloak("https://id.example.test", "shop").unwrap().keys_from(keys());
    let token = good(&ISSUER).claim("iss", "https://id.example.test/realms/shop").claim("typ", "Serialized-ID");
    let explanation = assert_consistent(&build(keycloak), &token.sign(), "mark").await;
    assert_eq!(failed(&explanation), ["provider"]);
    assert!(explanation.to_string().contains("found \"Serialized-ID\""), "{explanation}");

    // The user flow, at an issuer that has several.
    let tenant = "11111111-2222-4333-8444-555555555555";
    let flow = |policy: &str| Issuer::azure_b2c("login.example.test", tenant, policy).unwrap().keys_from(keys());
    let both = ResourceServer::builder(AUDIENCE).trust(flow("B2C_1_in")).trust(flow("B2C_1_edit")).build().unwrap();
    let token =
        good(&ISSUER).claim("iss", format!("https://login.example.test/{tenant}/v2.0/")).claim("azp", "client-1");
    assert_eq!(failed(&assert_consistent(&both, &token.clone().sign(), "no flow").await), ["user_flow"]);
    let explanation = assert_consistent(&both, &token.clone().claim("tfp", "B2C_1_reset").sign(), "flow").await;
    assert_eq!(failed(&explanation), ["user_flow"]);
    assert!(explanation.to_string().contains("expected \"B2C_1_in\"; found \"B2C_1_reset\""), "{explanation}");
    assert_consistent(&both, &token.claim("tfp", "B2C_1_edit").sign(), "flow").await.verdict().unwrap();

    // What is another kind of token has not the mark of an access token either.
    let cognito = Issuer::cognito("eu-central-1_abc", ["client-1"]).unwrap().keys_from(keys());
    let pool = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_abc";
    let token = good(&ISSUER).claim("iss", pool).claim("token_use", "id");
    let explanation = assert_consistent(&build(cognito), &token.sign(), "mark").await;
    assert_eq!(failed(&explanation), ["kind", "provider"]);
}

/// What a developer reads about a token of another kind.
#[tokio::test]
async fn a_mark_is_reported_as_it_is_expected_and_found() {
    let keys = ISSUER.jwks();
    let keys = || tower_bearer::jose::JwkSet::from_json(keys.to_string().as_bytes()).unwrap();
    let explain = async |issuer: Issuer, token: &TokenBuilder, name: &str| {
        let api = ResourceServer::builder(AUDIENCE).trust(issuer).build().unwrap();
        let explanation = api.explain(&token.sign()).await;
        let step = explanation.steps().iter().find(|step| step.name == name).unwrap();
        (step.expected.clone(), step.found.clone())
    };
    let generic = || Issuer::keys(ISSUER.url(), keys()).unwrap();
    let unmarked = "no mark of an ID, refresh, logout or other token";
    for (claim, value, found) in [
        ("token_use", "id", r#"token_use "id""#),
        ("typ", "Refresh", r#"typ "Refresh""#),
        ("at_hash", "x", "at_hash"),
        ("other", "x", "none"),
    ] {
        let token = good(&ISSUER).claim(claim, value);
        assert_eq!(explain(generic(), &token, "kind").await, (unmarked.to_owned(), found.to_owned()));
    }

    let cognito = || Issuer::cognito("eu-central-1_abc", ["client-1"]).unwrap().keys_from(keys());
    let pool = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_abc";
    let keycloak = || Issuer::keycloak("https://id.example.test", "shop").unwrap().keys_from(keys());
    let zitadel = || Issuer::zitadel("id.example.test").unwrap().keys_from(keys());
    let firebase = || Issuer::firebase("project").unwrap().keys_from(keys());
    let by_project = "https://securetoken.google.com/project";
    let realm = "https://id.example.test/realms/shop";
    let rows = [
        (cognito(), pool, ("token_use", "x"), r#"token_use "access""#, r#""x""#),
        (cognito(), pool, ("other", "x"), r#"token_use "access""#, "none"),
        (keycloak(), realm, ("typ", "x"), r#"typ "Bearer" in the payload"#, r#""x""#),
        (zitadel(), "https://id.example.test", ("jti", ""), "jti", "none"),
        (zitadel(), "https://id.example.test", ("jti", "x"), "jti", "one"),
        (firebase(), by_project, ("firebase", ""), "firebase", "none"),
        (firebase(), by_project, ("firebase", "x"), "firebase", "one"),
    ];
    for (issuer, iss, (claim, value), expected, found) in rows {
        let token = good(&ISSUER).claim("iss", iss).claim(claim, value);
        assert_eq!(explain(issuer, &token, "provider").await, (expected.to_owned(), found.to_owned()), "{iss}");
    }

    let (expected, _) = explain(generic(), &good(&ISSUER), "iat").await;
    assert!(expected.starts_with("none, or no later than 30 s after "), "{expected}");
    for (audience, found) in [(json!([]), "aud []"), (json!(["a", "b"]), "aud [\"a\"")] {
        let issuer = generic().identify_by_client(["client-1"]);
        let (_, text) = explain(issuer, &good(&ISSUER).claim("aud", &audience), "aud").await;
        assert!(text.contains(found), "{text}");
    }
}

/// A token without `exp` fails the rule for `exp`, and not the one for `nbf`.
/// Row C4.
#[tokio::test]
async fn a_missing_claim_fails_only_its_own_rule() {
    for api in [server(&ISSUER), strict_server(&ISSUER)] {
        for (claim, step) in [("exp", "exp"), ("aud", "aud"), ("sub", "sub")] {
            let explanation = assert_consistent(&api, &good(&ISSUER).without_claim(claim).sign(), claim).await;
            assert_eq!(failed(&explanation), [step], "{explanation}");
        }
    }
}

#[tokio::test]
async fn application_claims_are_parsed_last_and_only_if_signed() {
    #[derive(serde::Deserialize)]
    struct Own {
        #[expect(dead_code, reason = "it is there to be missing")]
        tenant: String,
    }
    let api = builder_with_keys(ISSUER.url(), &ISSUER.jwks()).claims::<Own>().build().unwrap();
    assert_eq!(failed(&assert_consistent(&api, &good(&ISSUER).sign(), "claims").await), ["claims"]);
    let forged = good(&ISSUER).signed_by(&small_issuer()).sign();
    assert_eq!(failed(&assert_consistent(&api, &forged, "forged").await), ["signature"]);
    assert!(api.explain(&good(&ISSUER).claim("tenant", "t").sign()).await.verdict().is_ok());
}

#[tokio::test]
async fn an_unreachable_issuer_leaves_the_result_undecided() {
    let issuer = small_issuer();
    issuer.fail(Endpoint::Jwks, Fault::Status(500));
    let explanation = server(&issuer).explain(&good(&issuer).sign()).await;
    assert!(matches!(explanation.verdict(), Err(VerifyError::KeysUnavailable { .. })));
    assert_eq!(failed(&explanation), ["keys"]);
    let text = explanation.to_string();
    assert!(
        text.starts_with("undecided: ") && text.contains("the last fetch failed: ") && text.contains("500"),
        "{text}"
    );
}

#[tokio::test]
async fn an_unusable_key_is_reported_with_its_reason() {
    let issuer = small_issuer();
    let mut jwks = issuer.jwks();
    let mut odd = jwks["keys"][0].clone();
    odd["kid"] = json!("odd");
    odd["use"] = json!("enc");
    jwks["keys"].as_array_mut().unwrap().push(odd);
    issuer.set_jwks(jwks);
    let explanation = server(&issuer).explain(&good(&issuer).header("kid", "odd").sign()).await;
    assert_eq!(failed(&explanation), ["kid"]);
    assert!(
        explanation.to_string().contains(r#"entry 1 (kid "odd"): the key is not for signatures: use is "enc""#),
        "{explanation}"
    );
}

#[tokio::test]
async fn a_scheme_before_the_token_is_reported() {
    let explanation = server(&ISSUER).explain(&format!("Bearer {}", good(&ISSUER).sign())).await;
    assert!(explanation.to_string().contains("found the scheme Bearer before it"), "{explanation}");
}

/// Explanations are for logs: untrusted text is escaped and truncated, and neither a token nor a subject is shown.
/// Row A20.
#[tokio::test]
async fn an_explanation_shows_no_token_or_subject_and_escapes_untrusted_text() {
    let api = server(&ISSUER);
    let token = good(&ISSUER).subject("user-of-no-concern").sign();
    let shown = format!("{0}\n{0:?}", api.explain(&token).await);
    for part in token.split('.').chain(["user-of-no-concern"]) {
        assert!(!shown.contains(part), "{shown}");
    }
    let name = format!(r#""x\nERROR forged {}""#, "long".repeat(500)).replace('\n', "\\n");
    let twice = with_raw_member(&good(&ISSUER), &format!("{name}:1,{name}:2"));
    for explanation in [
        api.explain(&twice.sign()).await,
        api.explain(&twice.raw_header(format!("{{{name}:1,{name}:2}}")).sign()).await,
    ] {
        let shown = explanation.to_string();
        assert!(shown.contains(r"x\nERROR forged") && shown.contains("more than once"), "{shown}");
        assert!(shown.lines().count() == 1 + explanation.steps().len(), "{shown}");
        assert!(shown.lines().all(|line| line.len() < 1000), "{shown}");
    }
    let odd = "x\nERROR forged ".to_owned() + &"long".repeat(2000);
    let token = good(&ISSUER).header("kid", &odd).claim("aud", [&odd, &odd]).header("typ", "\u{1b}[31m");
    let explanation = api.explain(&token.sign()).await;
    let shown = explanation.to_string();
    assert_eq!(shown.lines().count(), 1 + explanation.steps().len(), "{shown}");
    assert!(shown.lines().all(|line| line.len() < 1000 && !line.contains('\u{1b}')), "{shown}");
}

/// The reasons are labels of metrics, so they must not change.
#[test]
fn every_error_has_a_one_word_reason() {
    let now = NumericDate::from(SystemTime::now());
    let rows = [
        (TokenError::TooLong { length: 2, limit: 1 }, "too_long"),
        (JwsError::Encoding.into(), "malformed"),
        (TokenError::Payload(JsonError::NotUtf8), "payload"),
        (TokenError::Missing { claim: "exp" }, "missing_claim"),
        (TokenError::Issuer { found: "x".into() }, "issuer"),
        (TokenError::Algorithm { found: Algorithm::ES256 }, "algorithm"),
        (TokenError::Type { found: None }, "type"),
        (TokenError::NotAnAccessToken { claim: "at_hash" }, "other_kind"),
        (TokenError::MalformedClaim { claim: "act", expected: "x", found: "y" }, "malformed_claim"),
        (TokenError::Bound, "bound"),
        (TokenError::Audience { found: Excerpts::default(), expected: Excerpts::default() }, "audience"),
        (TokenError::Client { found: "x".into(), expected: Excerpts::default() }, "client"),
        (TokenError::Tenant { found: "x".into(), expected: "y".into() }, "tenant"),
        (TokenError::Subject, "subject"),
        (TokenError::UserFlow { found: None, expected: "x".into() }, "user_flow"),
        (TokenError::Caller { claim: "repository_id", found: "x".into() }, "caller"),
        (TokenError::Expired { exp: now, now, leeway: Duration::from_secs(30) }, "expired"),
        (TokenError::NotYetValid { nbf: now, now, leeway: Duration::from_secs(30) }, "not_yet_valid"),
        (TokenError::IssuedInTheFuture { iat: now, now, leeway: Duration::from_secs(30) }, "issued_in_the_future"),
        (TokenError::UnknownKey { kid: None }, "unknown_key"),
        (TokenError::KeyMismatch { algorithm: Algorithm::ES256 }, "key_mismatch"),
        (TokenError::Signature, "signature"),
    ];
    for (error, reason) in rows {
        assert_eq!(error.reason(), reason);
    }
}

#[tokio::test]
async fn all_trusted_issuers_are_listed_as_expected() {
    let other = TestIssuer::builder().algorithms([Algorithm::ES256]).start();
    let api = ResourceServer::builder(AUDIENCE).trust(ISSUER.issuer()).trust(other.issuer()).build().unwrap();
    let explanation = api.explain(&good(&ISSUER).claim("iss", "https://x.example.test").sign()).await;
    let expected = format!("expected {:?} or {:?}; found \"https://x.example.test\"", ISSUER.url(), other.url());
    assert!(explanation.to_string().contains(&expected), "{explanation}");
}
