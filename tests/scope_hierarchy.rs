//! Scopes that imply others: what a token grants then, and what challenges name.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_bearer::dpop::Dpop;
use tower_bearer::rejection::Problem;
use tower_bearer::require::Shortfall;
use tower_bearer::server::{Builder, ConfigError};
use tower_bearer::testing::TestIssuer;
use tower_bearer::token::ScopeHierarchy;
use tower_bearer::validation::{Profile, TokenCache};
use tower_bearer::{AccessToken, Issuer, Require, ResourceServer};

use crate::harness::{AUDIENCE, builder_with_keys, good, present, send, small_issuer};

fn hierarchy() -> ScopeHierarchy {
    ScopeHierarchy::new().implies("admin", "files users:read").implies("files", "files:read files:write")
}

fn builder(issuer: &TestIssuer) -> Builder {
    ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).scope_hierarchy(hierarchy())
}

fn api(issuer: &TestIssuer) -> ResourceServer {
    builder(issuer).build().unwrap()
}

/// Row P9.
#[tokio::test]
async fn a_broader_scope_satisfies_what_needs_a_narrower_one() {
    let issuer = small_issuer();
    let app = |requirement: Require| {
        Router::new().route("/me", get(async || ()).layer(requirement)).layer(api(&issuer).layer())
    };
    for (granted, needed, is_enough) in [
        ("files", "files:read", true),
        ("files", "files:write files:read", true),
        ("admin", "files:read users:read files", true),
        ("other files", "files:write other", true),
        ("files:read", "files", false),
        ("files:read files:write", "files", false),
        ("files", "users:read", false),
        // By the hierarchy alone, not by their names.
        ("users", "users:read", false),
        ("Files", "files:read", false),
        ("files:", "files:read", false),
    ] {
        let token = good(&issuer).scope(granted).sign();
        let answer = present(&app(Require::scope(needed)), &token).await;
        assert_eq!(api(&issuer).verify(&token).await.unwrap().has_scope(needed), is_enough, "{granted} {needed}");
        if is_enough {
            answer.assert_ok();
        } else {
            answer.assert_insufficient_scope(needed);
        }
    }
    present(&app(Require::any_scope(["x", "users:read"])), &good(&issuer).scope("admin").sign()).await.assert_ok();
    let custom = Require::token().and_custom(|token, _| {
        if token.scope().contains("files:write") { Ok(()) } else { Err(Shortfall::denied("no")) }
    });
    present(&app(custom), &good(&issuer).scope("admin").sign()).await.assert_ok();
}

/// The implied scopes come after the granted ones. The claims are as they were signed.
#[tokio::test]
async fn every_form_of_the_claim_is_expanded_and_no_element_that_is_no_scope() {
    #[derive(Deserialize)]
    struct Signed {
        scope: Option<Value>,
    }

    let issuer = small_issuer();
    let strict = builder(&issuer).profile(Profile::Rfc9068).build().unwrap();
    for (claim, value, expanded, for_strict) in [
        ("scope", json!("x files"), "x files files:read files:write", "x files files:read files:write"),
        ("scp", json!(["files", "y"]), "files y files:read files:write", ""),
        ("scp", json!("files"), "files files:read files:write", ""),
        ("scopes", json!(["admin"]), "admin files users:read files:read files:write", ""),
        // Neither is a scope token, so neither implies anything.
        ("scp", json!(["files admin", "y"]), "y", ""),
        ("scope", json!("fi\"les"), "", ""),
        ("scope", json!(""), "", ""),
    ] {
        let signed = good(&issuer).without_claim("scope").claim(claim, value.clone()).sign();
        let token = api(&issuer).verify(&signed).await.unwrap();
        assert_eq!(token.scope().as_str(), expanded, "{claim} {value}");
        assert_eq!(strict.verify(&signed).await.unwrap().scope().as_str(), for_strict, "{claim} {value}");
        let claims: Signed = token.claims().unwrap();
        assert_eq!(claims.scope.unwrap_or(value.clone()), value);
    }
}

#[tokio::test]
async fn an_opaque_token_is_expanded_too() {
    let issuer = small_issuer();
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.introspection()).scope_hierarchy(hierarchy());
    let api = api.build().unwrap();
    let opaque = issuer.opaque_token(&good(&issuer).scope("files"));
    // The second is remembered.
    for _ in 0..2 {
        assert_eq!(api.verify(&opaque).await.unwrap().scope().as_str(), "files files:read files:write");
    }
}

/// Rows H2, P9.
#[tokio::test]
async fn a_challenge_leaves_out_what_another_scope_of_it_implies() {
    let issuer = small_issuer();
    let api = api(&issuer);
    let token = good(&issuer).scope("x").sign();
    for (needed, told) in [
        ("files:read", "files:read"),
        ("files:read files", "files"),
        ("files:read other files:write", "files:read other files:write"),
        ("users:read files admin", "admin"),
    ] {
        let protected = Router::new().route("/me", get(async || ())).layer(api.layer().require(Require::scope(needed)));
        present(&protected, &token).await.assert_insufficient_scope(told);
        send(&protected, "/me", []).await.assert_bare_with_scope(told);
        let layer = api.layer().optional().challenge_scope("x files files:read".parse().unwrap());
        let inner = Router::new().route("/me", get(async || ()).layer(Require::scope(needed))).layer(layer);
        present(&inner, &token).await.assert_insufficient_scope(told);
        send(&inner, "/me", []).await.assert_bare_with_scope(told);
        let layer = api.layer().challenge_scope("x files files:read".parse().unwrap());
        send(&Router::new().route("/me", get(async || ())).layer(layer), "/me", [])
            .await
            .assert_bare_with_scope("x files");

        let verified = api.verify(&token).await.unwrap();
        let rejection = api.check(&verified, &Require::scope(needed).and_acr("mfa")).unwrap_err();
        assert_eq!(rejection.shortfall().unwrap().scope().unwrap().as_str(), told);
        let challenge = rejection.challenges().next().unwrap().to_str().unwrap().to_owned();
        assert!(challenge.ends_with(&format!(r#"acr_values="mfa", scope="{told}""#)), "{challenge}");
    }
}

/// Row P8.
#[tokio::test]
async fn no_challenge_names_offline_access() {
    let issuer = small_issuer();
    for api in [api(&issuer), ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).build().unwrap()] {
        let token = good(&issuer).scope("x").sign();
        for (needed, told) in [
            ("offline_access", None),
            ("offline_access files:read", Some("files:read")),
            ("a offline_access b", Some("a b")),
            ("OFFLINE_ACCESS", Some("OFFLINE_ACCESS")),
        ] {
            let requirement = || Require::any_scope([needed, "never"]);
            let handler = || get(async || ());
            let layers = [api.layer().require(requirement()), api.layer().challenge_scope(needed.parse().unwrap())];
            for (layer, has_requirement) in layers.into_iter().zip([true, false]) {
                let app = Router::new().route("/me", handler()).layer(layer);
                let answers = [send(&app, "/me", []).await, present(&app, &token).await];
                for (at, answer) in answers.iter().enumerate().filter(|(at, _)| *at == 0 || has_requirement) {
                    assert_told(at, answer, told);
                }
            }
            let inner = Router::new().route("/me", handler().layer(requirement())).layer(api.layer().optional());
            assert_told(0, &send(&inner, "/me", []).await, told);
            assert_told(1, &present(&inner, &token).await, told);
            let outer = api.layer().require(Require::scope("x"));
            let inner = Router::new().route("/me", handler().layer(Require::scope(needed))).layer(outer);
            let both = ["x", told.unwrap_or_default()].join(" ");
            assert_told(1, &present(&inner, &token).await, Some(both.trim()));

            let verified = api.verify(&token).await.unwrap();
            for (requirement, status) in
                [(requirement(), StatusCode::FORBIDDEN), (requirement().and_acr("mfa"), StatusCode::UNAUTHORIZED)]
            {
                let rejection = api.check(&verified, &requirement).unwrap_err();
                assert_eq!(rejection.status(), status);
                assert_eq!(rejection.shortfall().unwrap().scope().map(ToString::to_string).as_deref(), told);
            }
            let problem = Router::new().route("/me", handler());
            let problem = problem.layer(api.layer().require(requirement()).respond_with(Problem));
            let request = Request::get("/me").header("authorization", format!("Bearer {token}")).body(Body::empty());
            let body = problem.oneshot(request.unwrap()).await.unwrap().into_body().collect().await.unwrap().to_bytes();
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body.get("scope").and_then(Value::as_str), told);
            // It is still required.
            present(&inner, &good(&issuer).scope(&format!("x {needed}")).sign()).await.assert_ok();
        }
    }
}

/// What the first challenge names, and the status: 401 for the first request, 403 for the second.
#[track_caller]
fn assert_told(at: usize, answer: &crate::harness::Answer, scope: Option<&str>) {
    assert_eq!(answer.status, [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN][at]);
    let challenge = crate::harness::challenge::Challenge::of(answer);
    assert_eq!(challenge.get("scope"), scope, "{challenge:?}");
}

#[tokio::test]
async fn every_scheme_that_is_accepted_names_the_same_scope() {
    let issuer = small_issuer();
    let api = builder(&issuer).dpop(Dpop::at("https://api.example.test").unwrap()).build().unwrap();
    let layer = api.layer().require(Require::scope("files:read offline_access files"));
    let answer = send(&Router::new().route("/me", get(async || ())).layer(layer), "/me", []).await;
    let challenges: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
    assert_eq!(challenges.len(), 2);
    assert!(challenges.iter().all(|challenge| challenge.to_str().unwrap().ends_with(r#", scope="files""#)));
}

#[test]
fn a_cycle_is_a_mistake() {
    let issuer = || Issuer::discover("https://login.example.com").unwrap();
    let build = |hierarchy| ResourceServer::builder("a").trust(issuer()).scope_hierarchy(hierarchy).build().map(drop);
    let cycle = ScopeHierarchy::new().implies("files", "files:read").implies("files:read", "files");
    let error = build(cycle).unwrap_err();
    let scopes = ["files", "files:read", "files"].map(Into::into).to_vec();
    assert_eq!(error, ConfigError::ScopeCycle { scopes });
    assert_eq!(
        error.to_string(),
        "a scope of the hierarchy implies itself: files implies files:read implies files, expected no cycle"
    );
    let long = (0..100).fold(ScopeHierarchy::new(), |all, at| {
        all.implies(&format!("scope:{at}"), &format!("scope:{}", (at + 1) % 100))
    });
    let shown = build(long).unwrap_err().to_string();
    assert!(shown.len() < 300 && shown.ends_with("…, expected no cycle"), "{shown}");
    assert_eq!(build(ScopeHierarchy::new()), Ok(()));
}

/// The cache keeps the expanded scope, and counts it.
#[tokio::test]
async fn a_remembered_token_keeps_what_is_implied_and_costs_no_more_than_another() {
    let issuer = small_issuer();
    let long = format!("files:{}", "x".repeat(5_000));
    let builder =
        || builder_with_keys(issuer.url(), &issuer.jwks()).token_cache(TokenCache::default().entries(100_000));
    let plain = builder().build().unwrap();
    let empty = builder().scope_hierarchy(ScopeHierarchy::new()).build().unwrap();
    let implying = builder().scope_hierarchy(ScopeHierarchy::new().implies("files", &long)).build().unwrap();
    let token = good(&issuer).scope("files").sign();
    let servers = [&plain, &empty, &implying];
    for api in servers {
        for _ in 0..3 {
            api.try_verify(&token).unwrap();
        }
    }
    let [plain_bytes, empty_bytes, implying_bytes] = servers.map(|api| api.token_cache_status().unwrap().bytes);
    assert_eq!(plain_bytes, empty_bytes);
    assert_eq!(implying_bytes, plain_bytes + 1 + long.len() as u64);

    let cost = |api: &ResourceServer| {
        let hits = || api.token_cache_status().unwrap().hits;
        let before = hits();
        let counted = allocation_counter::measure(|| drop(api.try_verify(&token).unwrap()));
        assert_eq!(hits(), before + 1);
        counted.count_total
    };
    assert_eq!([cost(&empty), cost(&implying)], [cost(&plain); 2]);
    assert!(implying.try_verify(&token).unwrap().scope().contains(&long));
    let fresh = |api: &ResourceServer| {
        // It has no use before, so it is validated.
        let token = good(&issuer).scope("files").claim("nonce", api.token_cache_status().unwrap().misses).sign();
        allocation_counter::measure(|| drop(api.try_verify(&token).unwrap())).count_total
    };
    assert_eq!(fresh(&empty), fresh(&plain), "no hierarchy costs nothing");
}

#[tokio::test]
async fn an_explanation_shows_what_is_implied() {
    let issuer = small_issuer();
    let explanation = api(&issuer).explain(&good(&issuer).scope("files").sign()).await;
    let step = explanation.steps().iter().find(|step| step.name == "scope").unwrap();
    assert_eq!(step.found, r#""files" in scope; with what it implies "files files:read files:write""#);
    let refused = api(&issuer).explain(&good(&issuer).scope("files").audience("x").sign()).await;
    assert_eq!(refused.steps().iter().find(|step| step.name == "scope").unwrap().found, r#""files" in scope"#);
    let request = Request::get("/").header("authorization", format!("Bearer {}", good(&issuer).scope("admin").sign()));
    let explanation = api(&issuer).explain_request(&request.body(()).unwrap()).await.unwrap();
    let verdict: &AccessToken = explanation.verdict().unwrap();
    assert!(verdict.scope().contains("files:write"));
    assert!(explanation.to_string().contains("users:read"), "{explanation}");
}
