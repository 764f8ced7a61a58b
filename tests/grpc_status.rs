//! `Grpc::status`: a handler refuses with the same status, message and metadata as the layer.

use std::collections::BTreeSet;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderMap};
use http::{HeaderValue, Request, Response, StatusCode};
use tokio::net::TcpListener;
use tonic::codegen::BoxStream;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Code, Status};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::credentials::TokenSource;
use tower_bearer::dpop::{Dpop, Nonces};
use tower_bearer::jose::Algorithm;
use tower_bearer::layer::ProtectLayer;
use tower_bearer::rejection::{Grpc, RejectionKind};
use tower_bearer::require::Shortfall;
use tower_bearer::testing::{Endpoint, Fault, ReplayFault, TestClient, TestIssuer, TestReplayStore};
use tower_bearer::{AccessToken, Rejection, Require, ResourceServer};

use crate::harness::{AUDIENCE, good, server, small_issuer};

const URL: &str = "https://api.example.test/grpc.health.v1.Health/Check";

fn refused(rejection: &Rejection) -> Status {
    Status::from_header_map(&Grpc::status(rejection)).unwrap()
}

/// A service that refuses by itself, and tells so by the description.
#[derive(Clone)]
struct Late {
    api: ResourceServer,
    requirement: Require,
}

#[tonic::async_trait]
impl Health for Late {
    async fn check(
        &self,
        request: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<HealthCheckResponse>, Status> {
        let token = request.extensions().get::<AccessToken>().unwrap();
        self.api.check(token, &self.requirement).map_err(|rejection| refused(&rejection))?;
        Ok(tonic::Response::new(HealthCheckResponse::default()))
    }

    type WatchStream = BoxStream<HealthCheckResponse>;

    async fn watch(&self, _: tonic::Request<HealthCheckRequest>) -> Result<tonic::Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("no stream"))
    }
}

#[tokio::test]
async fn a_client_cannot_tell_a_handlers_refusal_from_the_layers() {
    let issuer = small_issuer();
    let dpop = Dpop::at("https://api.example.test").unwrap();
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).dpop(dpop).build().unwrap();
    let token = good(&issuer).sign();
    for (requirement, code) in [
        (Require::scope("write:me"), Code::PermissionDenied),
        (Require::token().and_acr("mfa").and_max_age(Duration::from_secs(60)), Code::Unauthenticated),
        (Require::token().and_max_token_age(Duration::ZERO).and_issuers(["x"]), Code::PermissionDenied),
        (Require::token().and_custom(|_, _| Err(Shortfall::denied("100 % \"no\": \u{fc}\n"))), Code::PermissionDenied),
    ] {
        let mut statuses = Vec::new();
        for layer in [api.layer().require(requirement.clone()), api.layer()] {
            let late = HealthServer::new(Late { api: api.clone(), requirement: requirement.clone() });
            let router = Server::builder().layer(layer.respond_with(Grpc)).add_service(late);
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            tokio::spawn(router.serve_with_incoming(TcpIncoming::from(listener)));
            let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
            let mut request = tonic::Request::new(HealthCheckRequest::default());
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
            statuses.push(HealthClient::new(channel).check(request).await.unwrap_err());
        }
        let [by_layer, by_handler] = &statuses[..] else { panic!("{statuses:?}") };
        assert_eq!(by_layer.code(), code);
        assert_same(by_handler, by_layer);
        assert_eq!(by_layer.metadata().get_all("www-authenticate").iter().count(), 2);
    }
}

#[track_caller]
fn assert_same(one: &Status, other: &Status) {
    let shown = |status: &Status| {
        let mut headers = status.metadata().clone().into_headers();
        // Of the connection, and of the message.
        headers.remove("date");
        headers.remove("content-length");
        headers.remove(CONTENT_TYPE);
        (status.code(), status.message().to_owned(), sorted(&headers))
    };
    assert_eq!(shown(one), shown(other));
}

fn sorted(headers: &HeaderMap) -> Vec<(String, String)> {
    let all = headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let mut all: Vec<_> = all.collect();
    // Stable: the order of the challenges counts.
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    all
}

/// What the layer refuses is compared header by header, whatever the kind.
#[tokio::test]
async fn every_kind_of_refusal_has_the_headers_of_the_layer() {
    let issuer = small_issuer();
    let mut kinds = BTreeSet::new();
    for (layer, request) in refusals(&issuer).await {
        let request = request.body(()).unwrap();
        let inner = service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(())));
        let response = layer.respond_with(Grpc).layer(inner).oneshot(request).await.unwrap();
        let rejection = response.extensions().get::<Rejection>().expect("a refusal").clone();
        kinds.insert(rejection.kind().name());
        let mut sent = response.headers().clone();
        assert_eq!(sent.remove(CONTENT_TYPE), Some(HeaderValue::from_static("application/grpc")));
        let headers = Grpc::status(&rejection);
        assert_eq!(sorted(&headers), sorted(&sent), "{rejection}");
        assert_eq!(headers["grpc-status"], Grpc::code(&rejection).to_string());

        let status = refused(&rejection);
        assert_eq!(i32::from(status.code()), Grpc::code(&rejection));
        let sentence = rejection.description().unwrap_or_else(|| match rejection.status().as_u16() {
            401 => "The call needs an access token",
            403 => "Forbidden",
            429 => "Too many access tokens are being validated",
            503 => "The access token cannot be validated now",
            other => panic!("{other} without a description"),
        });
        assert_eq!(status.message(), sentence);
        let challenges: Vec<_> = status.metadata().get_all("www-authenticate").iter().collect();
        assert!(challenges.iter().map(|value| value.to_str().unwrap()).eq(rejection.challenges()));
        assert_eq!(status.metadata().contains_key("retry-after"), rejection.retry_after().is_some());
        let pushback = status.metadata().get("grpc-retry-pushback-ms").map(|ms| ms.to_str().unwrap().parse().unwrap());
        assert_eq!(pushback, rejection.retry_after().map(|delay| delay.as_millis()));
        let wants_nonce = rejection.kind() == RejectionKind::NonceRequired;
        assert_eq!(status.metadata().contains_key("dpop-nonce"), wants_nonce);
        assert!(!status.metadata().contains_key("grpc-status") && !status.metadata().contains_key("grpc-message"));
    }
    let all = [
        "cross_site",
        "insufficient_authentication",
        "insufficient_scope",
        "introspection_unavailable",
        "invalid_proof",
        "invalid_request",
        "invalid_token",
        "keys_unavailable",
        "no_credentials",
        "nonce_required",
        "replay_store_unavailable",
        "too_many_requests",
    ];
    assert_eq!(kinds, BTreeSet::from(all));
    // No layer answers this one, because none is there.
    let token = server(&issuer).verify(&good(&issuer).sign()).await.unwrap();
    let unprotected = server(&issuer).check(&token, &Require::token()).unwrap_err();
    assert_eq!(
        (unprotected.kind(), unprotected.status()),
        (RejectionKind::Unprotected, StatusCode::INTERNAL_SERVER_ERROR)
    );
    assert_eq!(
        (refused(&unprotected).code(), refused(&unprotected).message()),
        (Code::Internal, "Internal Server Error")
    );
}

/// A layer and a request that it refuses, of each kind.
async fn refusals(issuer: &TestIssuer) -> Vec<(ProtectLayer, http::request::Builder)> {
    let api = server(issuer);
    let post = || Request::post(URL);
    let with = |credentials: String| post().header("authorization", credentials);
    let token = good(issuer).sign();
    api.verify(&token).await.unwrap();
    let bearer = || with(format!("Bearer {token}"));

    let client = TestClient::new(Algorithm::ES256);
    let bound = good(issuer).bound_to(&client).sign();
    let dpop = |change: &dyn Fn(Dpop) -> Dpop| {
        let dpop = change(Dpop::at("https://api.example.test").unwrap());
        ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).dpop(dpop).build().unwrap().layer()
    };
    let proven = || with(format!("DPoP {bound}")).header("dpop", client.proof("POST", URL, &bound).sign());
    let failing = |fault: ReplayFault| {
        let store = TestReplayStore::new();
        store.fail(fault);
        dpop(&|dpop| dpop.replay_store(store.clone()))
    };

    let unreachable = small_issuer();
    unreachable.fail(Endpoint::Jwks, Fault::Status(500));
    let opaque = small_issuer();
    opaque.fail(Endpoint::Introspection, Fault::Status(500));
    let asking = ResourceServer::builder(AUDIENCE).trust(opaque.introspection()).build().unwrap();
    let cookie = post().header("cookie", format!("t={token}")).header("sec-fetch-site", "cross-site");
    vec![
        (api.layer().require(Require::scope("a b")), post()),
        (dpop(&|dpop| dpop), post()),
        (api.layer(), bearer().header("authorization", "Bearer x")),
        (api.layer(), with("Bearer x".into())),
        (api.layer().require(Require::scope("a b")), bearer()),
        (api.layer().require(Require::token().and_custom(|_, _| Err(Shortfall::denied("\u{fc} %")))), bearer()),
        (api.layer().require(Require::token().and_acr("mfa")), bearer()),
        (api.layer().require(Require::token().and_auth_context("c1")), bearer()),
        (api.layer().token_from(TokenSource::cookie("t")), cookie),
        (dpop(&|dpop| dpop), with(format!("DPoP {bound}"))),
        (dpop(&|dpop| dpop.nonces(Nonces::random())), proven()),
        (failing(ReplayFault::Full), proven()),
        (failing(ReplayFault::TooManyOfOneKey), proven()),
        (server(&unreachable).layer(), with(format!("Bearer {}", good(&unreachable).sign()))),
        (asking.layer(), with(format!("Bearer {}", opaque.opaque_token(&good(&opaque))))),
    ]
}
