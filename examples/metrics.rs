//! An API that Prometheus can scrape: `GET /metrics` and `GET /api/me`, on one address for brevity. In production, do not expose
//! `/metrics` to strangers. With `--once`, the example sends itself a few requests, prints the scrape, and exits.

use std::error::Error;

use axum::Router;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::net::TcpListener;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{AccessToken, Require, ResourceServer, metrics};

const AUDIENCE: &str = "https://api.example.test";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let scrape = PrometheusBuilder::new().install_recorder()?;
    metrics::describe();

    let issuer = TestIssuer::start();
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).build()?;
    let me = get(async |token: AccessToken| token.subject().to_owned()).layer(Require::scope("read:me"));
    let app = Router::new()
        .route("/api/me", me)
        .route_layer(api.layer())
        .route("/metrics", get(async move || scrape.render()));

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let serving = tokio::spawn(axum::serve(listener, app).into_future());
    if !std::env::args().any(|argument| argument == "--once") {
        println!("Prometheus can scrape {url}/metrics");
        return Ok(serving.await??);
    }

    let client = reqwest::Client::builder().no_proxy().build()?;
    let good = issuer.token().audience(AUDIENCE).scope("read:me").sign();
    let too_little = issuer.token().audience(AUDIENCE).sign();
    let foreign = issuer.token().audience("https://other.example.test").sign();
    for token in [&good, &good, &good, &too_little, &foreign] {
        client.get(format!("{url}/api/me")).bearer_auth(token).send().await?;
    }
    println!("{}", client.get(format!("{url}/metrics")).send().await?.error_for_status()?.text().await?);
    Ok(())
}
