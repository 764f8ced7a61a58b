//! An API whose issuer issues opaque tokens and is asked about them (RFC 7662): `cargo run --example opaque`.
//!
//! The issuer is the test kit's, in the same process. In production, use `Issuer::introspection("https://login.example.com", client)`.
//! With `--once`, the example sends itself a few requests, prints what happens, and exits.

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tower_bearer::introspection::Introspection;
use tower_bearer::testing::{Endpoint, TestIssuer};
use tower_bearer::{AccessToken, Require, ResourceServer};

const AUDIENCE: &str = "https://api.example.test";
/// How long an answer of the issuer counts, and so how long a revoked token is accepted. The default is a minute.
const LIFETIME: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = TestIssuer::start();
    let introspection = Introspection::discover(issuer.url(), issuer.introspection_client())?.lifetime(LIFETIME);
    let trusted = issuer.issuer().introspect(introspection);
    let api = ResourceServer::builder(AUDIENCE).trust(trusted).build()?;
    let me = get(async |token: AccessToken| token.subject().to_owned()).layer(Require::scope("read:me"));
    let app = Router::new().route("/api/me", me).layer(api.layer());

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/api/me", listener.local_addr()?);
    let serving = tokio::spawn(axum::serve(listener, app).into_future());
    let token = issuer.opaque_token(&issuer.token().audience(AUDIENCE).scope("read:me"));
    if !std::env::args().any(|argument| argument == "--once") {
        println!("curl -i -H 'Authorization: Bearer {token}' {url}");
        return Ok(serving.await??);
    }

    let client = reqwest::Client::builder().no_proxy().build()?;
    let show = async |what: &str, token: &str| {
        let status = client.get(&url).bearer_auth(token).send().await?.status();
        println!("{what}: {status}; requests to the issuer so far: {}", issuer.requests(Endpoint::Introspection));
        Ok::<_, reqwest::Error>(())
    };
    show("a good token", &token).await?;
    show("the same again", &token).await?;
    show("a token that the issuer does not know", "unknown").await?;
    issuer.revoke(&token);
    println!("the issuer revokes the good token");
    show("immediately afterwards", &token).await?;
    tokio::time::sleep(LIFETIME).await;
    show("after the answer has expired", &token).await?;
    Ok(())
}
