use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRef, FromRequestParts as _};
use axum::http::{Request, Response};
use axum::response::IntoResponse as _;
use axum::routing::get;
use axum_jwt_auth::{Claims, Decoder, RemoteJwksDecoder};
use jsonwebtoken_10::Validation;
use jsonwebtoken_10::crypto::{CryptoProvider, aws_lc, rust_crypto};
use serde::Deserialize;
use tower::Service;

use crate::link::Setup;
use crate::peer::{App, Guard, Handler, Peer};

/// It has no claims of its own; these are those of its README.
#[derive(Clone, Deserialize)]
#[expect(dead_code, reason = "what is read here is read for the time it takes")]
pub struct MyClaims {
    sub: String,
    exp: usize,
}

#[derive(Clone)]
pub struct AxumJwtAuth {
    decoder: Decoder<MyClaims>,
}

impl FromRef<AxumJwtAuth> for Decoder<MyClaims> {
    fn from_ref(state: &AxumJwtAuth) -> Self {
        Arc::clone(&state.decoder)
    }
}

pub async fn with_aws_lc_rs(setup: Setup) -> AxumJwtAuth {
    start(setup, &aws_lc::DEFAULT_PROVIDER).await
}

/// What it gets when nobody chooses.
pub async fn with_rust_crypto(setup: Setup) -> AxumJwtAuth {
    start(setup, &rust_crypto::DEFAULT_PROVIDER).await
}

async fn start(setup: Setup, provider: &'static CryptoProvider) -> AxumJwtAuth {
    provider.install_default().expect("nobody chose before");
    let mut validation = Validation::new(setup.algorithm.parse().expect("an algorithm it knows"));
    validation.set_audience(&[setup.audience]);
    validation.set_issuer(&[setup.issuer]);
    let decoder = RemoteJwksDecoder::builder().jwks_url(setup.jwks_url).validation(validation).build();
    let decoder = decoder.expect("settings that make sense");
    decoder.initialize().await.expect("an issuer that is up");
    AxumJwtAuth { decoder: Arc::new(decoder) }
}

impl Peer for AxumJwtAuth {
    type Body = Body;

    fn guard(&self) -> impl Guard<Body> + use<> {
        Extracting { state: self.clone(), inner: Handler::new() }
    }

    fn app(&self) -> App {
        let route = get(async |_: Claims<MyClaims>| "ok");
        App::V8(Router::new().route("/", route).with_state(self.clone()))
    }
}

/// It is an extractor and no layer. This is what a handler with it comes to, less axum's routing.
#[derive(Clone)]
struct Extracting {
    state: AxumJwtAuth,
    inner: Handler<Body>,
}

impl Service<Request<Body>> for Extracting {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (state, mut inner) = (self.state.clone(), self.inner.clone());
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match Claims::<MyClaims>::from_request_parts(&mut parts, &state).await {
                Ok(claims) => {
                    std::hint::black_box(claims);
                    inner.call(Request::from_parts(parts, body)).await
                }
                Err(refusal) => Ok(refusal.into_response()),
            }
        })
    }
}
