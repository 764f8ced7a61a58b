//! The layer in front of a gRPC service, and what its clients see: `cargo run --example tonic`.
//!
//! It also accepts tokens that are bound to a key, with a DPoP proof for each call (RFC 9449). A proof names the method `POST` and the
//! URL of the gRPC method, `https://host/package.Service/Method`.
//!
//! The service is the standard health check, so that no code has to be generated. Its two methods need different scopes, which a layer
//! chooses by the path. What a check needs beyond `health:read` depends on the message, so the handler checks that, and refuses in the
//! same way as the layer.

use std::error::Error;

use http::header::AUTHORIZATION;
use tokio::net::TcpListener;
use tonic::codegen::BoxStream;
use tonic::metadata::errors::InvalidMetadataValue;
use tonic::service::LayerExt;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower_bearer::dpop::Dpop;
use tower_bearer::jose::Algorithm;
use tower_bearer::rejection::Grpc;
use tower_bearer::testing::{TestClient, TestIssuer};
use tower_bearer::{AccessToken, Rejection, Require, ResourceServer};

const AUDIENCE: &str = "https://api.example.test";
/// What clients call, whatever the address of this connection.
const METHOD: &str = "https://api.example.test/grpc.health.v1.Health/Check";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = TestIssuer::start();
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).dpop(Dpop::at(AUDIENCE)?).build()?;

    let health = HealthServer::new(Checks { api: api.clone() });
    let (read, watch) = (Require::scope("health:read"), Require::scope("health:read health:watch"));
    let by_method = Require::by(move |head| match head.uri.path() {
        "/grpc.health.v1.Health/Check" => read.clone(),
        _ => watch.clone(),
    });
    let server = Server::builder().layer(api.layer().respond_with(Grpc)).add_service(by_method.named_layer(health));

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));

    let channel = Channel::from_shared(url)?.connect().await?;
    let token = || issuer.token().audience(AUDIENCE);
    let client = TestClient::new(Algorithm::ES256);
    let bound = token().scope("health:read").bound_to(&client).sign();
    let proof = || client.proof("POST", METHOD, &bound).sign();
    let bearer = |token: String| format!("Bearer {token}");
    for (name, service, credentials, proof) in [
        ("without a token", "", None, None),
        ("with too little scope", "", Some(bearer(token().sign())), None),
        ("with a good token", "", Some(bearer(token().scope("health:read").sign())), None),
        ("with too little scope for that message", "payments", Some(bearer(token().scope("health:read").sign())), None),
        ("with a bound token and its proof", "", Some(format!("DPoP {bound}")), Some(proof())),
        ("with a bound token as Bearer", "", Some(bearer(bound.clone())), Some(proof())),
    ] {
        let request = request(service, credentials, proof)?;
        let answer = HealthClient::new(channel.clone()).check(request).await;
        print(name, answer.map(|response| response.into_inner().status().as_str_name()));
    }
    let request = request("", Some(bearer(token().scope("health:read").sign())), None)?;
    let answer = HealthClient::new(channel).watch(request).await;
    print("with too little scope for that method", answer.map(|_| "a stream"));
    Ok(())
}

fn print(name: &str, answer: Result<&str, Status>) {
    match answer {
        Ok(answer) => println!("{name}: {answer}"),
        Err(status) => {
            println!("{name}: {:?}, {}", status.code(), status.message());
            for challenge in status.metadata().get_all("www-authenticate") {
                println!("   www-authenticate: {challenge:?}");
            }
        }
    }
}

/// The health of payments needs the scope of payments too.
struct Checks {
    api: ResourceServer,
}

#[tonic::async_trait]
impl Health for Checks {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let token = request.extensions().get::<AccessToken>();
        let token = token.ok_or_else(|| Status::internal("no layer protects this service"))?;
        if request.get_ref().service == "payments" {
            // All that the call needs, because the refusal names this scope alone.
            self.api.check(token, &Require::scope("health:read payments:read")).map_err(refused)?;
        }
        Ok(Response::new(HealthCheckResponse { status: ServingStatus::Serving.into() }))
    }

    type WatchStream = BoxStream<HealthCheckResponse>;

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("this example has no stream"))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the argument of `map_err`")]
fn refused(rejection: Rejection) -> Status {
    Status::from_header_map(&Grpc::status(&rejection)).unwrap_or_else(|| Status::internal("no status"))
}

fn request(
    service: &str,
    credentials: Option<String>,
    proof: Option<String>,
) -> Result<Request<HealthCheckRequest>, InvalidMetadataValue> {
    let mut request = Request::new(HealthCheckRequest { service: service.to_owned() });
    for (name, value) in [(AUTHORIZATION.as_str(), credentials), ("dpop", proof)] {
        if let Some(value) = value {
            request.metadata_mut().insert(name, value.parse()?);
        }
    }
    Ok(request)
}
