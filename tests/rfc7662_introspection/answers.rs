//! What an answer has to say.

use serde_json::{Value, json};
use tower_bearer::clock::Clock as _;
use tower_bearer::dpop::Dpop;
use tower_bearer::introspection::Introspection;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::TestClient;
use tower_bearer::token::Provenance;
use tower_bearer::validation::Profile;

use super::*;

/// Rows N1 to N3.
#[tokio::test]
async fn a_good_token_is_accepted_and_says_what_its_issuer_says() {
    let rig = Rig::new();
    let token = rig.token();
    for _ in 0..3 {
        let accepted = rig.send(&token).await.unwrap();
        assert_eq!((accepted.subject(), accepted.client_id()), ("user-1", Some("client-1")));
        assert!(accepted.scope().contains("read:me"));
        assert_eq!(accepted.issuer(), rig.issuer.url());
        assert_eq!(accepted.provenance(), Provenance::Introspection);
        assert_eq!(accepted.claims::<Value>().unwrap()["active"], json!(true));
    }
    assert_eq!(rig.calls(), 1);
    assert_eq!(rig.api.verify(&token).await.unwrap().subject(), "user-1");
    assert_eq!(rig.api.try_verify(&token).unwrap().subject(), "user-1");
}

/// Rows N2, N3.
#[tokio::test]
async fn each_claim_counts_as_in_a_jwt() {
    let rig = Rig::new();
    let now = || rig.claims();
    let seconds = |ahead: i64| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        i64::try_from(now).unwrap() + ahead
    };
    for (bad, what) in [
        (now().claim("aud", "https://other.example.test"), "another audience"),
        (now().without_claim("aud"), "no audience"),
        (now().claim("aud", json!(null)), "a null audience"),
        (now().claim("iss", "https://other.example.test"), "another issuer"),
        (now().without_claim("exp"), "no exp"),
        (now().claim("exp", seconds(-60)), "expired"),
        (now().claim("nbf", seconds(600)), "not yet valid"),
        (now().claim("iat", seconds(600)), "from the future"),
        (now().without_claim("sub"), "no subject"),
        (now().claim("sub", ""), "an empty subject"),
        (now().claim("scope", 7), "a scope that is no text"),
        (now().claim("exp", "soon"), "an exp that is no number"),
        (now().claim("token_type", "refresh_token"), "a refresh token"),
        (now().claim("token_type", "Refresh"), "a refresh token"),
        (now().claim("token_type", "urn:ietf:params:oauth:token-type:refresh_token"), "a refresh token"),
        (now().claim("token_type", "id_token"), "an ID token"),
        (now().claim("token_type", json!(["Bearer", "refresh_token"])), "two types"),
        (now().claim("token_use", "refresh_token"), "a refresh token of Hydra"),
        (now().claim("typ", "Refresh"), "a refresh token of Keycloak"),
        (now().claim("typ", "ID"), "an ID token of Keycloak"),
        (now().claim("at_hash", "x"), "an ID token"),
        (now().claim("cnf", json!({ "jkt": "x" })), "a bound token"),
        (now().claim("cnf", json!({})), "an empty confirmation"),
        (now().claim("token_type", "DPoP"), "a bound token without its confirmation"),
        (now().claim("token_type", "dpop"), "the same"),
        (now().claim("active", false), "the builder's own"),
    ] {
        let token = rig.issuer.opaque_token(&bad);
        let answer = rig.send(&token).await;
        match what {
            "the builder's own" => assert!(answer.is_ok(), "the issuer says that it is active"),
            _ => assert_refused(answer),
        }
    }
    for (good, what) in [
        (now().without_claim("iss"), "no issuer"),
        (now().without_claim("jti"), "no identifier"),
        (now().without_claim("scope"), "no scope"),
        (now().without_claim("iat"), "no iat"),
        (now().without_claim("client_id"), "no client"),
        (now().claim("aud", json!(["https://other.example.test", AUDIENCE])), "several audiences"),
        (now().claim("token_type", "Bearer"), "Bearer"),
        (now().claim("token_type", "access_token"), "an access token"),
        (now().claim("token_use", "access_token"), "an access token of Hydra"),
        (now().claim("typ", "Bearer"), "an access token of Keycloak"),
        (now().claim("username", "alice"), "a user name"),
    ] {
        let token = rig.issuer.opaque_token(&good);
        let accepted = rig.send(&token).await;
        assert_eq!(accepted.map(|token| token.issuer().to_owned()).unwrap(), rig.issuer.url(), "{what}");
    }
}

/// Row N2.
#[tokio::test]
async fn an_answer_that_is_not_active_refuses_whatever_else_it_says() {
    let rig = Rig::new();
    assert_refused(rig.send("unknown").await);
    for active in [json!(false), json!("true"), json!(1), json!(null), json!([true]), json!({})] {
        let token = rig.issuer.opaque_token(&rig.claims());
        let mut answer = json!({ "active": active, "sub": "user-1", "aud": AUDIENCE, "exp": 4_000_000_000_u64 });
        rig.issuer.set_answer(&token, &answer);
        assert_refused(rig.send(&token).await);
        answer.as_object_mut().unwrap().remove("active");
        let other = rig.token();
        rig.issuer.set_answer(&other, &answer);
        assert_refused(rig.send(&other).await);
    }
}

#[tokio::test]
async fn an_absent_audience_is_accepted_only_if_the_issuer_checks_it() {
    let checked = |issuer: &TestIssuer| {
        let introspection = Introspection::discover(issuer.url(), issuer.introspection_client()).unwrap();
        issuer.issuer().introspect(introspection.audience_checked_by_issuer())
    };
    let rig = Rig::with(checked, |builder| builder);
    for (audience, status) in [
        (None, 200),
        (Some(json!(AUDIENCE)), 200),
        (Some(json!("https://other.example.test")), 401),
        (Some(json!([])), 401),
        (Some(json!(null)), 401),
        (Some(json!("")), 401),
    ] {
        let claims = rig.claims().without_claim("aud").claim("token_type", "Bearer");
        let claims = audience.iter().fold(claims, |claims, audience| claims.claim("aud", audience));
        assert_eq!(rig.status(&rig.issuer.opaque_token(&claims)).await, status, "{audience:?}");
    }
    // oidc-provider says nothing more of a refresh token.
    let unmarked = rig.claims().without_claim("aud");
    for (claims, status) in [
        (unmarked.clone(), 401),
        (unmarked.clone().claim("typ", "Refresh"), 401),
        (unmarked.clone().claim("typ", "Bearer"), 200),
        (unmarked.clone().claim("token_use", "access_token"), 200),
        (unmarked.claim("token_type", "access_token"), 200),
    ] {
        assert_eq!(rig.status(&rig.issuer.opaque_token(&claims)).await, status, "{claims:?}");
    }
}

/// The same where tokens are identified by client.
#[tokio::test]
async fn a_token_that_is_identified_by_client_is_an_access_token() {
    let by_client = |issuer: &TestIssuer| issuer.introspection().identify_by_client(["client-1"]);
    let rig = Rig::with(by_client, |builder| builder);
    let unmarked = rig.claims().without_claim("aud");
    assert_eq!(rig.status(&rig.issuer.opaque_token(&unmarked)).await, 401);
    assert_eq!(rig.status(&rig.issuer.opaque_token(&unmarked.claim("token_type", "Bearer"))).await, 200);
}

/// The strict profile wants of an answer what it wants of a payload.
#[tokio::test]
async fn the_strict_profile_stays() {
    let rig = Rig::with(TestIssuer::introspection, |builder| builder.profile(Profile::Rfc9068));
    assert_eq!(rig.status(&rig.token()).await, 200);
    for bad in [
        rig.claims().without_claim("jti"),
        rig.claims().without_claim("client_id"),
        rig.claims().without_claim("iat"),
        rig.claims().without_claim("aud").claim("token_type", "Bearer"),
    ] {
        assert_refused(rig.send(&rig.issuer.opaque_token(&bad)).await);
    }
}

/// The application's own claims are read from the answer.
#[tokio::test]
async fn claims_of_the_application_that_do_not_fit_refuse_the_token() {
    #[derive(serde::Deserialize)]
    struct Mine {
        #[expect(dead_code, reason = "it only has to be there")]
        tenant: String,
    }
    let rig = Rig::with(TestIssuer::introspection, Builder::claims::<Mine>);
    assert_eq!(rig.status(&rig.issuer.opaque_token(&rig.claims().claim("tenant", "a"))).await, 200);
    let without = rig.token();
    assert_refused(rig.send(&without).await);
    let explanation = rig.api.explain(&without).await;
    assert_eq!(explanation.failures().map(|step| step.name).collect::<Vec<_>>(), ["claims"]);
}

/// It becomes good by time alone.
#[tokio::test]
async fn a_token_that_is_not_yet_valid_is_not_remembered_as_bad() {
    let clock = tower_bearer::testing::TestClock::new();
    let rig = Rig::with(TestIssuer::introspection, |builder| builder.clock(clock.clone()));
    let now = clock.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let token = rig.issuer.opaque_token(&rig.claims().claim("nbf", now + 32));
    assert_refused(rig.send(&token).await);
    clock.advance(std::time::Duration::from_secs(3));
    assert_eq!(rig.status(&token).await, 200);
}

#[tokio::test]
async fn a_client_is_the_subject_of_its_own_tokens_and_not_of_a_users() {
    let rig = Rig::with(|issuer| issuer.introspection().client_as_subject(), |builder| builder);
    let claims = || rig.claims().client_id("batch").without_claim("sub");
    for own in [claims(), claims().claim("username", json!(null)), claims().claim("username", "")] {
        let accepted = rig.send(&rig.issuer.opaque_token(&own)).await.unwrap();
        assert_eq!((accepted.subject(), accepted.is_client()), ("batch", true));
    }
    for name in [json!("ada"), json!("batch"), json!(7)] {
        let users = rig.issuer.opaque_token(&claims().claim("username", &name));
        assert_refused(rig.send(&users).await);
        let explanation = rig.api.explain(&users).await;
        assert_eq!(explanation.failures().map(|step| step.name).collect::<Vec<_>>(), ["sub"], "{name}");
    }
    let with_subject = rig.issuer.opaque_token(&claims().claim("sub", "user-1").claim("username", "ada"));
    let accepted = rig.send(&with_subject).await.unwrap();
    assert_eq!((accepted.subject(), accepted.is_client()), ("user-1", false));
}

/// Row L17.
#[tokio::test]
async fn a_bound_opaque_token_needs_its_proof() {
    let url = "https://api.example.test";
    let rig = Rig::with(TestIssuer::introspection, |builder| builder.dpop(Dpop::at(url).unwrap()));
    let (client, thief) = (TestClient::new(Algorithm::ES256), TestClient::new(Algorithm::ES256));
    let token = rig.issuer.opaque_token(&rig.claims().bound_to(&client));
    let with_proof = |proof: String| {
        let request = Request::get("/me").header(AUTHORIZATION, format!("DPoP {token}")).header("dpop", proof);
        request.body(()).unwrap()
    };
    // After a question, and after a remembered answer.
    for _ in 0..3 {
        assert_refused(rig.send(&token).await);
        let proof = |client: &TestClient| client.proof("GET", "https://api.example.test/me", &token).sign();
        assert!(rig.api.verify_request(&with_proof(proof(&client))).await.is_ok());
        let stolen = rig.api.verify_request(&with_proof(proof(&thief))).await.unwrap_err();
        assert_eq!(stolen.error(), Some("invalid_dpop_proof"));
        assert!(rig.api.verify(&token).await.is_err() && rig.api.try_verify(&token).is_err());
    }
    assert_eq!(rig.calls(), 1);
}

#[tokio::test]
async fn a_token_is_explained_by_its_answer() {
    let rig = Rig::new();
    let good = rig.api.explain(&rig.token()).await;
    assert!(good.verdict().is_ok() && good.failures().next().is_none(), "{good}");
    let names: Vec<_> = good.steps().iter().map(|step| step.name).collect();
    assert!(names.starts_with(&["form", "answer", "active", "iss"]), "{names:?}");
    assert!(!names.contains(&"alg") && !names.contains(&"typ"), "{names:?}");

    let failures = async |token: &str| {
        let explanation = rig.api.explain(token).await;
        assert!(explanation.verdict().is_err());
        explanation.failures().map(|step| step.name).collect::<Vec<_>>()
    };
    assert_eq!(failures("unknown").await, ["active"]);
    let other = rig.issuer.opaque_token(&rig.claims().audience("https://other.example.test").without_claim("sub"));
    assert_eq!(failures(&other).await, ["sub", "aud"]);
    // It asks each time, and neither uses nor fills what requests remember.
    assert_eq!(rig.calls(), 3);
}
