//! Credentials that a layer leaves to the application, and the extensions that replace a token.

mod carriers;
mod extractors;
mod predicate;
mod requirements;
mod trusted;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::any;
use http::HeaderName;
use http::header::AUTHORIZATION;
use tower::ServiceExt;
use tower_bearer::layer::ProtectLayer;
use tower_bearer::rejection::Respond;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{AccessToken, Require, ResourceServer};

use crate::harness::{Answer, server, small_issuer};

/// What the application puts into a request whose API key is good.
#[derive(Clone)]
struct ApiKey;

/// What a layer puts into a request for another reason.
#[derive(Clone)]
struct Other;

const KEY: &str = "ak_live_7";

fn is_key(text: &str) -> bool {
    text.starts_with("ak_")
}

fn with_key(requirement: Require) -> Require {
    requirement.or_extension::<ApiKey>()
}

/// A server, an issuer that it trusts, and how many requests have reached a handler.
struct Rig {
    issuer: TestIssuer,
    api: ResourceServer,
    reached: Arc<AtomicUsize>,
}

impl Rig {
    fn new() -> Self {
        Self::with(server)
    }

    fn with(build: impl FnOnce(&TestIssuer) -> ResourceServer) -> Self {
        let issuer = small_issuer();
        let api = build(&issuer);
        Self { issuer, api, reached: Arc::default() }
    }

    /// The layer that ignores API keys.
    fn layer(&self) -> ProtectLayer {
        self.api.layer().ignore_tokens(is_key)
    }

    /// A handler that takes no extractor of this crate, and says what is in the request.
    fn routes(&self) -> Router {
        let reached = Arc::clone(&self.reached);
        let handler = async move |request: Request| {
            reached.fetch_add(1, Ordering::Relaxed);
            let has_token = request.extensions().get::<AccessToken>().is_some();
            let has_key = request.extensions().get::<ApiKey>().is_some();
            format!("token {}, key {}", u8::from(has_token), u8::from(has_key))
        };
        Router::new().route("/me", any(handler))
    }

    fn app<R>(&self, layer: ProtectLayer<R>) -> Router
    where
        R: Respond<Body> + Clone + Send + Sync + 'static,
    {
        self.routes().layer(layer)
    }

    /// How many requests have reached the handler since the last time.
    fn reached(&self) -> usize {
        self.reached.swap(0, Ordering::Relaxed)
    }

    /// The request passes.
    async fn assert_passes(&self, app: &Router, request: Request) {
        answer(app, request).await.assert_ok();
        assert_eq!(self.reached(), 1);
    }

    /// The request gets the answer to a bad token, and the handler does not see it.
    async fn assert_refused(&self, app: &Router, request: Request) {
        answer(app, request).await.assert_invalid_token();
        assert_eq!(self.reached(), 0);
    }
}

/// A request with this Bearer credential, to which the application has added nothing.
fn unknown(credential: &str) -> Request {
    request(&[(AUTHORIZATION, &format!("Bearer {credential}"))])
}

/// A request with this Bearer credential, and the extension of an API key that an outer layer has checked.
fn checked(credential: &str) -> Request {
    with(unknown(credential), ApiKey)
}

fn request(headers: &[(HeaderName, &str)]) -> Request {
    let request = Request::get("/me");
    headers.iter().fold(request, |request, (name, value)| request.header(name, *value)).body(Body::empty()).unwrap()
}

fn with<T: Clone + Send + Sync + 'static>(mut request: Request, extension: T) -> Request {
    request.extensions_mut().insert(extension);
    request
}

async fn answer(app: &Router, request: Request) -> Answer {
    let response = app.clone().oneshot(request).await.unwrap();
    Answer { status: response.status(), headers: response.headers().clone() }
}

/// The status, the headers and the body.
async fn whole_answer(app: &Router, request: Request) -> (Answer, String) {
    let (parts, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    let body = axum::body::to_bytes(body, 65536).await.unwrap();
    (Answer { status: parts.status, headers: parts.headers }, String::from_utf8(body.to_vec()).unwrap())
}

async fn text(app: &Router, request: Request) -> String {
    let (answer, text) = whole_answer(app, request).await;
    answer.assert_ok();
    text
}
