//! Two servers with their layers, and one Redis.

use std::convert::Infallible;

use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::ResourceServer;
use tower_bearer::dpop::Dpop;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{TestClient, TestIssuer};

use crate::harness::RedisServer;

const AUDIENCE: &str = "https://api.example.test";

struct Rig {
    redis: RedisServer,
    issuer: TestIssuer,
    client: TestClient,
}

impl Rig {
    fn new() -> Self {
        let issuer = TestIssuer::builder().algorithms([Algorithm::ES256]).start();
        Self { redis: RedisServer::start(&[]), issuer, client: TestClient::new(Algorithm::ES256) }
    }

    /// A server of the fleet, with a store of its own.
    fn server(&self) -> ResourceServer {
        let dpop = Dpop::at(AUDIENCE).unwrap().replay_store(self.redis.store());
        ResourceServer::builder(AUDIENCE).trust(self.issuer.issuer()).dpop(dpop).build().unwrap()
    }

    /// The token and the proof of one request.
    fn credentials(&self) -> (String, String) {
        let token = self.issuer.token().audience(AUDIENCE).bound_to(&self.client).sign();
        let proof = self.client.proof("GET", "https://api.example.test/me", &token).sign();
        (format!("DPoP {token}"), proof)
    }
}

async fn send(server: &ResourceServer, (token, proof): &(String, String)) -> Response<()> {
    let inner =
        service_fn(async |_: Request<Empty<&'static [u8]>>| Ok::<_, Infallible>(Response::new(Empty::<&[u8]>::new())));
    let request = Request::get("/me").header(AUTHORIZATION, token).header("dpop", proof).body(Empty::new());
    server.layer().layer(inner).oneshot(request.unwrap()).await.unwrap().map(drop)
}

#[tokio::test]
async fn of_two_servers_one_answers_a_request_and_the_other_refuses_it() {
    let rig = Rig::new();
    let servers = [rig.server(), rig.server()];
    for n in 0..50 {
        let credentials = rig.credentials();
        let answers = tokio::join!(send(&servers[0], &credentials), send(&servers[1], &credentials));
        let mut statuses = [answers.0.status(), answers.1.status()];
        statuses.sort();
        assert_eq!(statuses, [StatusCode::OK, StatusCode::UNAUTHORIZED], "{n}");
        let refusal = if answers.0.status() == StatusCode::OK { answers.1 } else { answers.0 };
        let challenges: Vec<_> = refusal.headers().get_all(WWW_AUTHENTICATE).iter().collect();
        let challenges = format!("{challenges:?}");
        assert!(challenges.contains(r#"error=\"invalid_dpop_proof\""#), "{challenges}");
    }
}

#[tokio::test]
async fn without_redis_a_request_gets_503_and_with_it_again_200() {
    let mut rig = Rig::new();
    let server = rig.server();
    assert_eq!(send(&server, &rig.credentials()).await.status(), StatusCode::OK);
    rig.redis.kill();
    for _ in 0..20 {
        let refusal = send(&server, &rig.credentials()).await;
        assert_eq!(refusal.status(), StatusCode::SERVICE_UNAVAILABLE);
        let seconds: u64 = refusal.headers()[RETRY_AFTER].to_str().unwrap().parse().unwrap();
        assert!(seconds >= 1);
        assert!(!refusal.headers().contains_key(WWW_AUTHENTICATE));
    }
    assert!(rig.redis.run());
    crate::harness::until_async("it works again", async || match send(&server, &rig.credentials()).await.status() {
        StatusCode::OK => true,
        status => {
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
            false
        }
    })
    .await;
}
