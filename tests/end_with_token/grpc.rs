//! A gRPC stream through tonic: the health check's `Watch`, which lasts until somebody ends it.

use tokio::net::TcpListener;
use tonic::service::LayerExt;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Status, Streaming};
use tonic_health::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_health::server::HealthReporter;
use tower_bearer::rejection::Grpc;

use super::{Setup, in_time};

async fn client_of(setup: &Setup, around_all: bool) -> (HealthReporter, HealthClient<Channel>) {
    let (reporter, health) = tonic_health::server::health_reporter();
    let layer = setup.api.layer().respond_with(Grpc).end_with_token();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let incoming = TcpIncoming::from(listener);
    if around_all {
        tokio::spawn(Server::builder().layer(layer).add_service(health).serve_with_incoming(incoming));
    } else {
        tokio::spawn(Server::builder().add_service(layer.named_layer(health)).serve_with_incoming(incoming));
    }
    (reporter, HealthClient::new(Channel::from_shared(url).unwrap().connect().await.unwrap()))
}

fn with_token(token: &str) -> Request<HealthCheckRequest> {
    let mut request = Request::new(HealthCheckRequest::default());
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

async fn next(stream: &mut Streaming<HealthCheckResponse>) -> Result<Option<i32>, Status> {
    Ok(stream.message().await?.map(|message| message.status))
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_as_unauthenticated_after_its_messages() {
    for around_all in [true, false] {
        let setup = Setup::new();
        let (reporter, mut client) = client_of(&setup, around_all).await;
        let mut stream = client.watch(with_token(&setup.token().sign())).await.unwrap().into_inner();
        assert_eq!(next(&mut stream).await.unwrap(), Some(ServingStatus::Serving as i32));
        reporter.set_service_status("", ServingStatus::NotServing).await;
        assert_eq!(next(&mut stream).await.unwrap(), Some(ServingStatus::NotServing as i32));

        setup.expire().await;
        let status = in_time(next(&mut stream)).await.unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Code::Unauthenticated, "The access token has expired or was revoked")
        );
        assert_eq!(next(&mut stream).await.unwrap(), None);

        // The connection goes on, and the token is refused.
        let refusal = client.watch(with_token(&setup.token().sign())).await.unwrap_err();
        assert_eq!(refusal.code(), Code::Unauthenticated);
        assert!(refusal.metadata().contains_key("www-authenticate"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_single_message_arrives_as_without_the_layer() {
    let setup = Setup::new();
    let (_reporter, mut client) = client_of(&setup, true).await;
    let answer = client.check(with_token(&setup.token().sign())).await.unwrap();
    assert_eq!(answer.into_inner().status, ServingStatus::Serving as i32);
}
