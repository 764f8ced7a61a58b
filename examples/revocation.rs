//! Two nodes of an API that share revocations: `cargo run --example revocation`.
//!
//! The issuer tells one node that a user has signed out everywhere, and both nodes refuse the user's tokens. The issuer is the test kit's, in the
//! same process as the nodes, which share an in-memory log. In production, each node is a separate process, and the nodes share `RedisRevocations`
//! from the crate `tower-bearer-redis`. With `--once`, the example sends the requests itself, prints what happens, and exits, with an error if
//! anything is not as expected.

use std::error::Error;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower_bearer::feeds::SharedSignals;
use tower_bearer::revocation::{
    AppendFuture, FeedStatus, FollowFuture, Follower, RevocationRecord, RevocationStore, Revocations,
};
use tower_bearer::testing::{TestIssuer, push_request};
use tower_bearer::{AccessToken, ResourceServer};

const AUDIENCE: &str = "https://api.example.test";
const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
/// The tokens of the issuer live for 5 minutes.
const MAX_TOKEN_LIFE: Duration = Duration::from_secs(5 * 60);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = TestIssuer::start();
    let log = Log::default();
    let (one, two) = (Node::start(&issuer, &log).await?, Node::start(&issuer, &log).await?);

    let token = |subject: &str| issuer.token().audience(AUDIENCE).subject(subject).sign();
    let (alice, bob) = (token("alice"), token("bob"));
    let signed_out = issuer
        .security_event(AUDIENCE, SESSION_REVOKED, json!({}))
        .claim("sub_id", json!({ "format": "iss_sub", "iss": issuer.url(), "sub": "alice" }))
        .sign();
    if !std::env::args().any(|argument| argument == "--once") {
        println!("Alice calls node 1:\ncurl -i -H 'Authorization: Bearer {alice}' {}/api/me\n", one.url);
        println!("and node 2:\ncurl -i -H 'Authorization: Bearer {alice}' {}/api/me\n", two.url);
        let content_type = "Content-Type: application/secevent+jwt";
        println!("She signs out everywhere:\ncurl -i -H '{content_type}' -d '{signed_out}' {}/ssf/events", one.url);
        std::future::pending::<()>().await;
    }

    expect("Alice at node 1", one.call(&alice).await?, StatusCode::OK)?;
    expect("Alice at node 2", two.call(&alice).await?, StatusCode::OK)?;
    expect(
        "The issuer tells node 1 that Alice has signed out everywhere",
        one.push(&signed_out).await?,
        StatusCode::ACCEPTED,
    )?;
    let told = Instant::now();
    expect("Alice at node 1", one.call(&alice).await?, StatusCode::UNAUTHORIZED)?;
    while two.call(&alice).await? == StatusCode::OK && told.elapsed() < Duration::from_secs(1) {}
    println!("node 2 knows this after at most {} ms", told.elapsed().as_millis());
    expect("Alice at node 2", two.call(&alice).await?, StatusCode::UNAUTHORIZED)?;
    expect("Bob at node 2", two.call(&bob).await?, StatusCode::OK)?;

    let three = Node::start(&issuer, &log).await?;
    expect("Alice at node 3, which has just started", three.call(&alice).await?, StatusCode::UNAUTHORIZED)?;
    // What was issued in the second of the sign-out is refused, because `iat` has whole seconds.
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    tokio::time::sleep(Duration::from_secs(since.as_secs() + 1).saturating_sub(since)).await;
    let again = token("alice");
    for (number, node) in (1..).zip([one, two, three]) {
        expect(&format!("Alice at node {number}, signed in again"), node.call(&again).await?, StatusCode::OK)?;
    }
    Ok(())
}

fn expect(what: &str, status: StatusCode, expected: StatusCode) -> Result<(), String> {
    println!("{what}: {status}");
    if status == expected { Ok(()) } else { Err(format!("{what}: {status}, expected {expected}")) }
}

/// A server of the API with a table of its own, on a port of its own.
struct Node {
    url: String,
    client: reqwest::Client,
}

impl Node {
    /// It serves when it has read what the other nodes have revoked.
    async fn start(issuer: &TestIssuer, log: &Log) -> Result<Self, Box<dyn Error>> {
        let revocations = Revocations::new(MAX_TOKEN_LIFE).share(log.clone());
        let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).revocations(revocations.clone()).build()?;
        let events = SharedSignals::from_issuer(issuer.issuer(), AUDIENCE).receiver(&revocations)?;
        let app = Router::new()
            .route("/api/me", get(async |token: AccessToken| token.subject().to_owned()))
            .layer(api.layer())
            // Outside of the layer: the issuer has no access token.
            .route_service("/ssf/events", events);
        while !revocations.status().iter().all(FeedStatus::is_ready) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(axum::serve(listener, app).into_future());
        Ok(Self { url, client: reqwest::Client::builder().no_proxy().build()? })
    }

    async fn call(&self, token: &str) -> reqwest::Result<StatusCode> {
        let request = self.client.get(format!("{}/api/me", self.url)).bearer_auth(token);
        Ok(request.send().await?.status())
    }

    /// What the issuer does.
    async fn push(&self, set: &str) -> Result<StatusCode, Box<dyn Error>> {
        let mut request = push_request(set);
        *request.uri_mut() = format!("{}/ssf/events", self.url).parse()?;
        Ok(self.client.execute(request.try_into()?).await?.status())
    }
}

/// A log in the memory of this process, for nodes that are in it too. It forgets nothing; a real one may forget a record once it has kept it for
/// as long as the record says. For several processes there is `tower-bearer-redis`.
#[derive(Clone, Default)]
struct Log {
    records: Arc<Mutex<Vec<RevocationRecord>>>,
    appended: watch::Sender<()>,
}

impl RevocationStore for Log {
    fn append(&self, record: RevocationRecord) -> AppendFuture {
        self.records().push(record);
        self.appended.send_replace(());
        Box::pin(ready(Ok(())))
    }

    fn follow(self: Arc<Self>, follower: Follower) -> FollowFuture {
        Box::pin(async move {
            let mut appended = self.appended.subscribe();
            let mut applied = 0;
            while !follower.is_closed() {
                let new = self.records()[applied..].to_vec();
                // If there is no room, they are applied again a second later.
                if new.iter().all(|record| follower.apply(record).is_ok()) {
                    applied += new.len();
                    follower.up_to_date();
                }
                tokio::select! {
                    _ = appended.changed() => {}
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                    () = follower.closed() => {}
                }
            }
        })
    }
}

impl Log {
    fn records(&self) -> MutexGuard<'_, Vec<RevocationRecord>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
