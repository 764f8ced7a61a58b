//! What handlers, layers and operators get.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn as middleware};
use axum::routing::get;
use http::StatusCode;
use http::header::{AUTHORIZATION, HOST};
use tower::ServiceExt;
use tower_bearer::tenants::Tenant;
use tower_bearer::{Require, ResourceServer};

use super::{Customer, Rig, iss};
use crate::harness::log::logged;
use crate::harness::{current_thread_runtime, good, small_issuer};

fn customer(name: &str) -> Customer {
    Customer { name: name.to_owned(), host: format!("{name}.example.test") }
}

fn app(api: &ResourceServer) -> Router {
    let named = |customer: Tenant<Customer>| async move { customer.name.clone() };
    let optional = |customer: Option<Tenant<Customer>>| async move {
        customer.map_or_else(|| "none".to_owned(), |customer| customer.name.clone())
    };
    let extension = |request: Request| async move {
        let customer = request.extensions().get::<Tenant<Customer>>();
        customer.map_or_else(|| "none".to_owned(), |customer| customer.name.clone())
    };
    let other = |number: Tenant<u32>| async move { number.to_string() };
    Router::new()
        .route("/named", get(named))
        .route("/optional", get(optional))
        .route("/extension", get(extension))
        .route("/other", get(other))
        .layer(api.layer())
}

async fn send(app: &Router, path: &str, host: &str, token: &str) -> (StatusCode, String) {
    let request = Request::get(path).header(HOST, host).header(AUTHORIZATION, format!("Bearer {token}"));
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 1024).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_handler_gets_the_value_of_the_tenant() {
    let pinned = small_issuer();
    let trusted = pinned.issuer();
    let rig = Rig::with(3, |settings| settings, |builder| builder.trust(trusted));
    rig.database.set_value(&iss(0), customer("acme"));
    rig.database.set_value(&iss(1), customer("umbrella"));
    let app = app(&rig.api);
    let ok = |text: &str| (StatusCode::OK, text.to_owned());
    let tokens: Vec<_> = (0..3).map(|number| rig.token(&iss(number)).sign()).collect();
    // Also when it is remembered.
    for _ in 0..3 {
        for path in ["/named", "/optional", "/extension"] {
            assert_eq!(send(&app, path, "h", &tokens[0]).await, ok("acme"), "{path}");
            assert_eq!(send(&app, path, "h", &tokens[1]).await, ok("umbrella"), "{path}");
        }
        // A tenant without a value, and an issuer that is none.
        for token in [&tokens[2], &good(&pinned).sign()] {
            assert_eq!(send(&app, "/optional", "h", token).await, ok("none"));
            assert_eq!(send(&app, "/extension", "h", token).await, ok("none"));
            assert_eq!(send(&app, "/named", "h", token).await.0, StatusCode::INTERNAL_SERVER_ERROR);
        }
        assert_eq!(send(&app, "/other", "h", &tokens[0]).await.0, StatusCode::INTERNAL_SERVER_ERROR);
    }
    // A new value counts at once.
    rig.database.set_value(&iss(0), customer("acme2"));
    assert_eq!(send(&app, "/named", "h", &tokens[0]).await, ok("acme"));
    rig.tenants().add(rig.database.get(&iss(0)).unwrap()).unwrap();
    assert_eq!(send(&app, "/named", "h", &tokens[0]).await, ok("acme2"));
}

#[test]
fn what_a_handler_lacks_is_logged() {
    let rig = Rig::new(1);
    let app = app(&rig.api);
    let token = rig.token(&iss(0)).sign();
    let (answer, log) = logged(|| current_thread_runtime().block_on(send(&app, "/named", "h", &token)));
    assert_eq!(answer.0, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(log.contains("the resolver has attached no such value"), "{log}");
}

/// Nothing of an outer layer reaches the handler of an inner one.
#[tokio::test]
async fn the_value_is_that_of_the_innermost_layer() {
    let (outer, inner) = (Rig::new(1), Rig::new(1));
    outer.database.set_value(&iss(0), customer("acme"));
    let both = app(&inner.api).layer(outer.api.layer());
    let refused = outer.token(&iss(0)).sign();
    assert_eq!(send(&both, "/named", "h", &refused).await.0, StatusCode::UNAUTHORIZED, "other keys");
    inner.tenants().add(outer.database.get(&iss(0)).unwrap()).unwrap();
    assert_eq!(send(&both, "/extension", "h", &refused).await.1, "acme");
    // The same issuer has no value at the inner one.
    let issuer = tower_bearer::Issuer::keys(&iss(0), outer.source()).unwrap();
    inner.tenants().add(issuer).unwrap();
    assert_eq!(send(&both, "/extension", "h", &refused).await, (StatusCode::OK, "none".to_owned()));
    assert_eq!(send(&both, "/optional", "h", &refused).await, (StatusCode::OK, "none".to_owned()));
}

#[tokio::test]
async fn a_tenant_must_fit_the_host_of_the_request() {
    let pinned = small_issuer();
    let trusted = pinned.issuer();
    let check = |settings: tower_bearer::tenants::TenantSettings| {
        settings.check(|request, customer: &Customer| request.is_host(&customer.host))
    };
    let rig = Rig::with(3, check, |builder| builder.trust(trusted));
    rig.database.set_value(&iss(0), customer("acme"));
    rig.database.set_value(&iss(1), customer("umbrella"));
    let app = app(&rig.api);
    let tokens: Vec<_> = (0..3).map(|number| rig.token(&iss(number)).sign()).collect();
    for _ in 0..3 {
        assert_eq!(send(&app, "/named", "acme.example.test:8443", &tokens[0]).await.0, StatusCode::OK);
        assert_eq!(send(&app, "/named", "UMBRELLA.example.test", &tokens[1]).await.0, StatusCode::OK);
        for (host, token) in [
            ("umbrella.example.test", &tokens[0]),
            ("acme.example.test", &tokens[1]),
            ("acme.example.test.evil.example", &tokens[0]),
            ("acme.example.test", &tokens[2]),
        ] {
            let request = Request::get("/optional").header(HOST, host).header(AUTHORIZATION, format!("Bearer {token}"));
            let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{host}");
            let challenge = response.headers()["www-authenticate"].to_str().unwrap();
            assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        }
        // Issuers that are no tenants are at home everywhere.
        assert_eq!(send(&app, "/optional", "any.example.test", &good(&pinned).sign()).await.0, StatusCode::OK);
    }
    // A token alone comes with no request, so with no host.
    for error in [rig.api.verify(&tokens[0]).await.unwrap_err(), rig.api.try_verify(&tokens[0]).unwrap_err()] {
        assert_eq!(error.reason(), Some("tenant_mismatch"));
    }
    let explanation = rig.api.explain(&tokens[0]).await;
    assert!(explanation.failures().map(|step| step.name).eq(["tenant"]) && explanation.verdict().is_err());
    assert!(rig.api.verify(&good(&pinned).sign()).await.is_ok());
    let request = Request::get("/").header(HOST, "umbrella.example.test");
    let request = request.header(AUTHORIZATION, format!("Bearer {}", tokens[0])).body(()).unwrap();
    let explanation = rig.api.explain_request(&request).await.unwrap();
    let step = explanation.failures().next().unwrap();
    assert_eq!((step.name, explanation.failures().count()), ("tenant", 1));
    assert_eq!(explanation.verdict().unwrap_err().reason(), Some("tenant_mismatch"));
}

#[tokio::test]
async fn an_explanation_shows_the_rules_of_the_tenant() {
    let pattern = "https://login.example.com/{tenant}";
    let rig = Rig::with(0, |settings| settings.issuer_pattern(pattern).unwrap(), |builder| builder);
    rig.database.insert(&iss(0), &rig.source(), |issuer| issuer.audiences(["https://tenant.example.test"]));
    let explanation = rig.api.explain(&rig.token(&iss(0)).sign()).await;
    let failed: Vec<_> = explanation.failures().map(|step| (step.name, step.expected.clone())).collect();
    assert_eq!(failed, [("aud", "\"https://tenant.example.test\"".to_owned())], "{explanation}");
    let explanation = rig.api.explain(&rig.token(&iss(0)).audience("https://tenant.example.test").sign()).await;
    assert!(explanation.verdict().is_ok() && explanation.steps().iter().any(|step| step.name == "signature"));
    let explanation = rig.api.explain(&rig.token("https://evil.example/t0").sign()).await;
    let text = explanation.to_string();
    let expected = "FAIL  iss        expected a tenant that the resolver knows, as \"https://login.example.com/{tenant}\"; found \"https://evil.example/t0\"";
    assert!(text.contains(expected), "{text}");
}

/// A JWT that may be a tenant's is never taken for a credential of the application.
#[tokio::test]
async fn a_token_that_may_be_of_a_tenant_is_not_ignored() {
    #[derive(Clone)]
    struct ApiKey;

    let pattern = "https://login.example.com/{tenant}";
    let rig = Rig::with(1, |settings| settings.issuer_pattern(pattern).unwrap(), |builder| builder);
    let layer = rig.api.layer().ignore_tokens(|_| true).require(Require::token().or_extension::<ApiKey>());
    let with_key = middleware(|mut request: Request, next: Next| async move {
        request.extensions_mut().insert(ApiKey);
        next.run(request).await
    });
    let app = Router::new().route("/", get(|| async { "in" })).route_layer(layer).layer(with_key);
    assert_eq!(send(&app, "/", "h", &rig.forged(&iss(0))).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(send(&app, "/", "h", &rig.forged(&iss(7))).await.0, StatusCode::UNAUTHORIZED, "there is none");
    assert_eq!(send(&app, "/", "h", &rig.forged("https://keys.example/")).await.0, StatusCode::OK);
    assert_eq!(send(&app, "/", "h", &rig.token(&iss(0)).sign()).await.0, StatusCode::OK);
}

/// There are as many as the database has.
#[test]
fn tenants_are_no_label_of_a_metric() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        current_thread_runtime().block_on(async {
            let rig = Rig::new(3);
            for number in 0..3 {
                assert_eq!(rig.use_tenant(number).await, 200);
            }
            rig.database.insert(
                &iss(3),
                &crate::harness::memory_source::Source::new(crate::harness::memory_source::Fetch::Fail),
                |it| it,
            );
            assert_eq!(rig.use_tenant(3).await, 503);
        });
    });
    let text = handle.render();
    assert!(text.contains("tower_bearer_key_fetches_total{issuer=\"tenants\",result=\"success\"} 3"), "{text}");
    assert!(text.contains("tower_bearer_key_fetches_total{issuer=\"tenants\",result=\"failure\"} 1"), "{text}");
    assert!(!text.contains("login.example.com"), "{text}");
}
