//! The layer in front of a handler with plain hyper: `cargo run --example hyper`, then run the `curl` lines that it
//! prints.

use std::convert::Infallible;
use std::error::Error;

use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::{ServiceBuilder, service_fn};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{AccessToken, Require, ResourceServer};

const AUDIENCE: &str = "https://api.example.test";

async fn me(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let subject = request.extensions().get::<AccessToken>().map_or("nobody", AccessToken::subject);
    Ok(Response::new(Full::from(format!("hello {subject}\n"))))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // In place of a real one: `Issuer::discover("https://login.example.com")?`.
    let issuer = TestIssuer::start();
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).build()?;

    let service = ServiceBuilder::new().layer(api.layer()).layer(Require::scope("read:me")).service(service_fn(me));

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("curl -i {url}");
    println!("curl -i {url} -H 'Authorization: Bearer {}'", issuer.token().audience(AUDIENCE).scope("read:me").sign());
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            // A client that goes away is not a server error.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
