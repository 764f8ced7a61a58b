//! What the application is told of refused requests: once for each, constants, and nothing that could change the answer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use http::header::AUTHORIZATION;
use http::{Request, StatusCode};
use tower::ServiceExt;
use tower_bearer::dpop::Dpop;
use tower_bearer::jose::Algorithm;
use tower_bearer::rejection::Refusal;
use tower_bearer::require::Shortfall;
use tower_bearer::revocation::{Revocation, Revocations};
use tower_bearer::server::Builder;
use tower_bearer::testing::{Endpoint, Fault, TestClient, TestIssuer};
use tower_bearer::{AccessToken, Rejection, Require, ResourceServer};

use crate::harness::log::logged;
use crate::harness::{AUDIENCE, current_thread_runtime, good, present, send, small_issuer};

/// What a server has told so far.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn hook(&self) -> impl Fn(&Refusal<'_>) + Send + Sync + Clone + 'static {
        let told = self.clone();
        move |refusal| {
            let [error, reason] = [refusal.error(), refusal.reason()].map(|word| word.unwrap_or("-"));
            let issuer = if refusal.issuer().is_some() { "issuer" } else { "-" };
            let (kind, status) = (refusal.kind().name(), refusal.status().as_u16());
            let missing: Vec<_> = refusal.shortfall().into_iter().flat_map(Shortfall::missing).collect();
            let missing = if missing.is_empty() { String::new() } else { format!(": {}", missing.join(", ")) };
            told.0.lock().unwrap().push(format!("{status} {kind} {error} {reason} {issuer}{missing}"));
            assert!(!format!("{refusal:?}").contains("user-1"), "{refusal:?}");
        }
    }

    /// What it has told since it was last asked.
    #[track_caller]
    fn assert(&self, expected: &[&str]) {
        assert_eq!(std::mem::take(&mut *self.0.lock().unwrap()), expected);
    }
}

fn builder(issuer: &TestIssuer) -> Builder {
    ResourceServer::builder(AUDIENCE).trust(issuer.issuer())
}

/// A server that tells of refusals.
fn telling(issuer: &TestIssuer) -> (ResourceServer, Told) {
    let told = Told::default();
    (builder(issuer).on_refusal(told.hook()).build().unwrap(), told)
}

#[tokio::test]
async fn each_refused_request_is_told_once_with_constants() {
    let issuer = small_issuer();
    let (api, told) = telling(&issuer);
    let handler = async |State(api): State<ResourceServer>, token: AccessToken| -> Result<(), Rejection> {
        // An attempt that is not the answer.
        let _ = api.check(&token, &Require::scope("other"));
        api.check(&token, &Require::token().and_acr("mfa"))
    };
    let app = Router::new()
        .route("/me", get(async |_: AccessToken| ()))
        .route("/inner", get(async || ()).layer(Require::scope("write:me")))
        .route("/handler", get(handler))
        .layer(api.layer().ignore_tokens(|text| text.starts_with("ak_")))
        .with_state(api.clone());
    let to = async |path: &str, token: String| {
        send(&app, path, [format!("Bearer {token}").as_bytes()]).await;
    };
    to("/me", good(&issuer).sign()).await;
    to("/handler", good(&issuer).claim("acr", "mfa").sign()).await;
    to("/inner", good(&issuer).scope("write:me").sign()).await;
    told.assert(&[]);
    send(&app, "/me", []).await.assert_bare();
    send(&app, "/me", [&b"Bearer"[..]]).await.assert_invalid_request();
    told.assert(&["401 no_credentials - - -", "400 invalid_request invalid_request - -"]);
    for (token, reason) in [
        (good(&issuer).audience("x").sign(), "audience"),
        (good(&issuer).expired_for(Duration::from_secs(90)).sign(), "expired"),
        (good(&issuer).signed_by(&small_issuer()).sign(), "signature"),
        ("abc".to_owned(), "malformed"),
        ("ak_7".to_owned(), "ignored"),
    ] {
        to("/me", token).await;
        told.assert(&[&format!("401 invalid_token invalid_token {reason} -")]);
    }
    to("/me", "a,b".to_owned()).await;
    told.assert(&["400 invalid_request invalid_request malformed -"]);
    to("/inner", good(&issuer).sign()).await;
    told.assert(&["403 insufficient_scope insufficient_scope - issuer: scope \"write:me\""]);
    to("/handler", good(&issuer).sign()).await;
    told.assert(&["401 insufficient_authentication insufficient_user_authentication - issuer: acr \"mfa\""]);

    let own = Router::new().route("/me", get(async || ())).layer(api.layer().require(Require::role("admin")));
    present(&own, &good(&issuer).sign()).await;
    told.assert(&["403 insufficient_scope insufficient_scope - issuer: role \"admin\""]);
    let optional = Router::new().route("/me", get(async |_: AccessToken| ())).layer(api.layer().optional());
    send(&optional, "/me", []).await.assert_bare();
    told.assert(&["401 no_credentials - - -"]);
}

/// A valid token that is refused names its issuer, whatever it is refused for.
#[tokio::test]
async fn what_is_wrong_beside_the_token_names_its_issuer() {
    let (issuer, client) = (small_issuer(), TestClient::new(Algorithm::ES256));
    let (told, revocations) = (Told::default(), Revocations::new(Duration::from_secs(24 * 60 * 60)));
    let dpop = Dpop::at(AUDIENCE).unwrap();
    let api = builder(&issuer).dpop(dpop).revocations(revocations.clone()).on_refusal(told.hook()).build().unwrap();
    let app = Router::new().route("/me", get(async || ())).layer(api.layer());
    let token = good(&issuer).bound_to(&client).claim("sid", "s1").sign();
    let proof = client.proof("GET", &format!("{AUDIENCE}/me"), &token).sign();
    let send = async |credentials: String| {
        let request = Request::get("/me").header(AUTHORIZATION, credentials).header("dpop", &proof);
        app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
    };
    assert_eq!(send(format!("DPoP {token}")).await, StatusCode::OK);
    told.assert(&[]);
    assert_eq!(send(format!("DPoP {token}")).await, StatusCode::UNAUTHORIZED);
    told.assert(&["401 invalid_proof invalid_dpop_proof proof_replayed issuer"]);
    assert_eq!(send(format!("Bearer {token}")).await, StatusCode::UNAUTHORIZED);
    told.assert(&["401 invalid_token invalid_token bound_without_proof issuer"]);
    let other = good(&issuer).claim("sid", "s1").sign();
    revocations.revoke(&Revocation::session(issuer.url(), "s1")).await.unwrap();
    assert_eq!(send(format!("Bearer {other}")).await, StatusCode::UNAUTHORIZED);
    told.assert(&["401 invalid_token invalid_token revoked issuer"]);
}

#[tokio::test]
async fn what_cannot_be_validated_now_is_told_too() {
    let issuer = small_issuer();
    issuer.fail(Endpoint::Jwks, Fault::Status(500));
    let (api, told) = telling(&issuer);
    let app = Router::new().route("/me", get(async || ())).layer(api.layer());
    present(&app, &good(&issuer).sign()).await.assert_keys_unavailable();
    told.assert(&["503 keys_unavailable - - -"]);
}

#[tokio::test]
async fn verify_request_tells_and_what_has_no_request_does_not() {
    let issuer = small_issuer();
    let (api, told) = telling(&issuer);
    let request = |token: &str| Request::get("/").header(AUTHORIZATION, format!("Bearer {token}")).body(()).unwrap();
    let token = api.verify_request(&request(&good(&issuer).sign())).await.unwrap();
    let bad = good(&issuer).audience("x").sign();
    assert!(api.verify(&bad).await.is_err() && api.try_verify(&bad).is_err());
    assert!(api.check(&token, &Require::scope("other")).is_err());
    assert!(api.explain_request(&request(&bad)).await.unwrap().verdict().is_err());
    told.assert(&[]);
    assert!(api.verify_request(&request(&bad)).await.is_err());
    told.assert(&["401 invalid_token invalid_token audience -"]);
    assert!(api.verify_request(&Request::new(())).await.is_err());
    assert!(api.verify_request(&Request::get("/").header(AUTHORIZATION, "Bearer").body(()).unwrap()).await.is_err());
    told.assert(&["401 no_credentials - - -", "400 invalid_request invalid_request - -"]);
}

/// Of layers around each other, the innermost one tells.
#[tokio::test]
async fn a_refusal_that_passes_several_layers_is_told_once() {
    let issuer = small_issuer();
    let ((outer, told_outer), (inner, told_inner)) = (telling(&issuer), telling(&issuer));
    let app = Router::new().route("/me", get(async || ()).layer(Require::scope("x")));
    let app = app.layer(inner.layer()).layer(inner.layer()).layer(outer.layer());
    present(&app, &good(&issuer).sign()).await.assert_insufficient_scope("x");
    told_inner.assert(&["403 insufficient_scope insufficient_scope - issuer: scope \"x\""]);
    told_outer.assert(&[]);
    send(&app, "/me", []).await.assert_bare();
    told_inner.assert(&[]);
    told_outer.assert(&["401 no_credentials - - -"]);
}

/// The hook is told, and is not asked.
#[test]
fn a_panic_leaves_the_request_refused_and_is_logged() {
    let issuer = small_issuer();
    let (sound, _) = telling(&issuer);
    let broken = builder(&issuer).on_refusal(|_| panic!("of the hook")).build().unwrap();
    let log = logged(|| {
        current_thread_runtime().block_on(async {
            for token in ["abc".to_owned(), good(&issuer).scope("x").sign(), good(&issuer).sign()] {
                let answer = async |api: &ResourceServer| {
                    let routes = Router::new().route("/me", get(async || ()).layer(Require::scope("read:me")));
                    let answer = present(&routes.layer(api.layer()), &token).await;
                    (answer.status, answer.headers)
                };
                assert_eq!(answer(&broken).await, answer(&sound).await);
            }
            let request = Request::get("/").header(AUTHORIZATION, "Bearer abc").body(()).unwrap();
            assert_eq!(broken.verify_request(&request).await.unwrap_err().status(), StatusCode::UNAUTHORIZED);
        });
    })
    .1;
    assert_eq!(log.matches("has panicked").count(), 3, "{log}");
    assert!(!log.contains("of the hook"), "{log}");
}

#[test]
fn it_is_called_in_the_span_of_the_request() {
    let issuer = small_issuer();
    let hook = |refusal: &Refusal<'_>| tracing::info!(kind = refusal.kind().name(), "told");
    let api = builder(&issuer).on_refusal(|_| panic!("replaced")).on_refusal(hook).build().unwrap();
    let app = Router::new().route("/me", get(async || ())).layer(api.layer());
    let token = good(&issuer).audience("x").sign();
    let log = logged(|| current_thread_runtime().block_on(async { drop(present(&app, &token).await) })).1;
    let told = log.lines().find(|line| line.contains("told")).unwrap();
    assert!(told.contains(r#"bearer{reason="audience" outcome="invalid_token"}"#), "{told}");
}
