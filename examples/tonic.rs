//! The layer in front of a gRPC service, and what its clients see: `cargo run --example tonic`.
//!
//! The service is the standard health check, so that no code has to be generated. A handler of yours finds the token with
//! `request.extensions().get::<AccessToken>()`.

use std::error::Error;

use http::header::AUTHORIZATION;
use tokio::net::TcpListener;
use tonic::service::LayerExt;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower_bearer::rejection::Grpc;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{Require, ResourceServer};

const AUDIENCE: &str = "https://api.example.test";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = TestIssuer::start();
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).build()?;

    let (_reporter, health) = tonic_health::server::health_reporter();
    let server = Server::builder()
        .layer(api.layer().respond_with(Grpc))
        .add_service(Require::scope("health:read").named_layer(health));

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));

    let channel = Channel::from_shared(url)?.connect().await?;
    let token = || issuer.token().audience(AUDIENCE);
    for (name, token) in [
        ("without a token", None),
        ("with too little scope", Some(token().sign())),
        ("with a good token", Some(token().scope("health:read").sign())),
    ] {
        match check(channel.clone(), token).await {
            Ok(serving) => println!("{name}: {serving}"),
            Err(status) => {
                println!("{name}: {:?}, {}", status.code(), status.message());
                println!("   www-authenticate: {:?}", status.metadata().get("www-authenticate"));
            }
        }
    }
    Ok(())
}

async fn check(channel: Channel, token: Option<String>) -> Result<String, Status> {
    let mut request = Request::new(HealthCheckRequest::default());
    if let Some(token) = token {
        let credentials = format!("Bearer {token}").parse().map_err(|_| Status::internal("no header"))?;
        request.metadata_mut().insert(AUTHORIZATION.as_str(), credentials);
    }
    let response = HealthClient::new(channel).check(request).await?;
    Ok(response.into_inner().status().as_str_name().to_owned())
}
