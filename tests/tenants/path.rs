//! A tenant that has to fit the path of the request.

use axum::Router;
use axum::extract::Request;
use axum::middleware::map_request;
use axum::routing::get;
use http::header::AUTHORIZATION;
use http::{StatusCode, Uri};
use tower_bearer::tenants::{Tenant, TenantRequest, TenantSettings};

use super::{Customer, Rig, iss};
use crate::harness::send_with;

/// The URI as the client wrote it, as `OriginalUri` of axum is (feature `original-uri`).
#[derive(Clone)]
struct Original(Uri);

async fn with_original(mut request: Request) -> Request {
    let original = Original(request.uri().clone());
    request.extensions_mut().insert(original);
    request
}

/// Whether the first segment of the path is the customer's, as the client wrote it: a nested router sees only what follows.
fn is_in_path_of(request: TenantRequest<'_>, customer: &Customer) -> bool {
    let uri = request.extensions().get::<Original>().map_or(request.uri(), |original| &original.0);
    let rest = uri.path().strip_prefix('/').and_then(|path| path.strip_prefix(&*customer.name));
    rest.is_some_and(|rest| rest.starts_with('/'))
}

fn rig(check: impl FnOnce(TenantSettings) -> TenantSettings) -> Rig {
    let rig = Rig::with(3, check, |builder| builder);
    for (number, name) in ["acme", "umbrella", "acme2"].into_iter().enumerate() {
        rig.database.set_value(&iss(number), Customer { name: name.to_owned(), host: String::new() });
    }
    rig
}

/// Two paths of each customer, whose handlers tell the customer.
fn routes() -> Router {
    let named = |customer: Tenant<Customer>| async move { customer.name.clone() };
    Router::new().route("/me", get(named)).route("/acme/me", get(named))
}

async fn status(app: &Router, path: &str, token: &str) -> StatusCode {
    send_with(app, path, &[(AUTHORIZATION.as_str(), format!("Bearer {token}"))]).await.status
}

/// Wherever the layer is, and also with a remembered token.
#[tokio::test]
async fn a_tenant_must_fit_the_path_of_the_request() {
    let rig = rig(|settings| settings.check(is_in_path_of));
    let token = rig.token(&iss(0)).sign();
    let nested = |router: Router| Router::new().nest("/{tenant}", router);
    for app in [nested(routes()).layer(rig.api.layer()), nested(routes().layer(rig.api.layer()))] {
        let app = app.layer(map_request(with_original));
        for _ in 0..3 {
            assert_eq!(status(&app, "/acme/me", &token).await, StatusCode::OK);
            assert_eq!(status(&app, "/acme/me?to=/umbrella/me", &token).await, StatusCode::OK);
            for (path, why) in [
                ("/umbrella/me", "of another tenant"),
                ("/umbrella/acme/me", "the tenant's own after that of another"),
                ("/acme2/me", "a longer name, which is another tenant's"),
                ("/acm/me", "a shorter name"),
                ("/ACME/me", "another case"),
                ("/%61cme/me", "the same name, encoded"),
                ("/umbrella/me?from=/acme/", "the name in the query"),
            ] {
                assert_eq!(status(&app, path, &token).await, StatusCode::UNAUTHORIZED, "{why}");
            }
        }
        assert_eq!(status(&app, "/umbrella/me", &rig.token(&iss(1)).sign()).await, StatusCode::OK);
        assert_eq!(status(&app, "/acme2/me", &rig.token(&iss(2)).sign()).await, StatusCode::OK);
        assert_eq!(status(&app, "/acme/me", &rig.token(&iss(2)).sign()).await, StatusCode::UNAUTHORIZED);
    }
    assert!(rig.api.token_cache_status().unwrap().hits > 0, "the token was remembered");
}

/// The URI is what the layer sees: inside a nested router, the rest of the path.
#[tokio::test]
async fn a_check_of_the_uri_is_about_the_rest_of_the_path_in_a_nested_router() {
    let of_rest = |request: TenantRequest<'_>, customer: &Customer| {
        request.uri().path().strip_prefix('/').is_some_and(|rest| rest.starts_with(&format!("{}/", customer.name)))
    };
    let rig = rig(|settings| settings.check(of_rest));
    let token = rig.token(&iss(0)).sign();
    let outside = Router::new().nest("/{tenant}", routes()).layer(rig.api.layer());
    assert_eq!(status(&outside, "/acme/me", &token).await, StatusCode::OK);
    assert_eq!(status(&outside, "/umbrella/acme/me", &token).await, StatusCode::UNAUTHORIZED);
    let inside = Router::new().nest("/{tenant}", routes().layer(rig.api.layer()));
    assert_eq!(status(&inside, "/acme/me", &token).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&inside, "/umbrella/acme/me", &token).await, StatusCode::OK);
}
