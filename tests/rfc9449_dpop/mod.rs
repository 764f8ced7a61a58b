//! DPoP (RFC 9449): a token that is bound to a key passes with a good proof, and never without one.

mod every_path;
mod explained;
mod floods;
mod nonce_times;
mod nonces;
mod presentation;
mod proofs;
mod replays;
mod store_failures;

use std::convert::Infallible;

use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderName, Request, Response, StatusCode};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_bearer::dpop::Dpop;
use tower_bearer::jose::Algorithm;
use tower_bearer::server::Builder;
use tower_bearer::testing::{ProofBuilder, TestClient, TestIssuer};
use tower_bearer::{AccessToken, ResourceServer};

use crate::harness::{AUDIENCE, good, small_issuer};

const URL: &str = "https://api.example.test/me";
const PROOF: HeaderName = HeaderName::from_static("dpop");
const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// A server, an issuer that it trusts, a client, and a token that is bound to the client's key.
struct Rig {
    issuer: TestIssuer,
    api: ResourceServer,
    client: TestClient,
    token: String,
}

impl Rig {
    fn new() -> Self {
        Self::with(dpop(), |builder| builder)
    }

    fn with(dpop: Dpop, change: impl FnOnce(Builder) -> Builder) -> Self {
        let (issuer, client) = (small_issuer(), TestClient::new(Algorithm::ES256));
        let api = change(ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).dpop(dpop)).build().unwrap();
        let token = good(&issuer).bound_to(&client).sign();
        Self { issuer, api, client, token }
    }

    /// A good proof for `GET /me`.
    fn proof(&self) -> ProofBuilder {
        self.client.proof("GET", URL, &self.token)
    }

    /// The answer to `GET /me` with this proof.
    async fn send(&self, proof: &str) -> Reply {
        self.request(&[(AUTHORIZATION, &format!("DPoP {}", self.token)), (PROOF, proof)]).await
    }

    /// The answer to `GET /me` with these headers.
    async fn request(&self, headers: &[(HeaderName, &str)]) -> Reply {
        answer(self.api.layer().layer(echo()), request(headers)).await
    }
}

fn dpop() -> Dpop {
    Dpop::at("https://api.example.test").unwrap()
}

fn request(headers: &[(HeaderName, &str)]) -> Request<()> {
    let request = Request::get("/me?page=2");
    headers.iter().fold(request, |request, (name, value)| request.header(name, *value)).body(()).unwrap()
}

/// A service that says whose token it got.
fn echo() -> impl Service<Request<()>, Response = Response<String>, Error = Infallible, Future: Send + 'static>
+ Clone
+ Send
+ 'static {
    service_fn(async |request: Request<()>| {
        let subject = request.extensions().get::<AccessToken>().map(|token| token.subject().to_owned());
        Ok(Response::new(subject.unwrap_or_default()))
    })
}

async fn answer<S>(service: S, request: Request<()>) -> Reply
where
    S: Service<Request<()>, Response = Response<String>, Error = Infallible>,
{
    Reply(service.oneshot(request).await.unwrap())
}

struct Reply(Response<String>);

impl Reply {
    fn status(&self) -> StatusCode {
        self.0.status()
    }

    fn header(&self, name: &HeaderName) -> Option<&str> {
        self.0.headers().get(name).map(|value| value.to_str().unwrap())
    }

    /// The `error` of each challenge, with its scheme.
    fn errors(&self) -> Vec<(&str, Option<&str>)> {
        let challenges = self.0.headers().get_all(WWW_AUTHENTICATE).iter();
        let parsed = challenges.map(|value| {
            let (scheme, rest) = value.to_str().unwrap().split_once(' ').unwrap();
            (scheme, rest.split("error=\"").nth(1).and_then(|rest| rest.split('"').next()))
        });
        parsed.collect()
    }

    /// Asserts 401 with this error in the challenge of this scheme, and in no other.
    #[track_caller]
    fn assert_refused(&self, scheme: &str, error: &str) {
        assert_eq!(self.status(), StatusCode::UNAUTHORIZED, "{:?}", self.errors());
        let expected: Vec<_> = ["Bearer", "DPoP"].map(|of| (of, (of == scheme).then_some(error))).into();
        assert_eq!(self.errors(), expected);
        assert_eq!(self.header(&http::header::CACHE_CONTROL), Some("no-store"));
        assert_eq!(self.header(&NONCE).is_some(), error == "use_dpop_nonce");
    }
}
