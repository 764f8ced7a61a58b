//! `examples/me` as a user runs it: a process of its own, on real sockets.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use http::StatusCode;
use reqwest::{Client, Response};
use serde_json::Value;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::TestIssuer;

use crate::harness::{AUDIENCE, good, small_issuer};

/// A running example, ended when dropped.
struct Example {
    process: Child,
    resource: String,
}

impl Example {
    fn start(flags: &[&str]) -> Self {
        let mut process = Command::new(program()).args(flags).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let resource = lines.find_map(|line| line.strip_prefix("The API is at ").map(ToOwned::to_owned)).unwrap();
        // Its standard output must not fill up.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, resource }
    }

    async fn get(&self, token: &str) -> Response {
        let client = Client::builder().no_proxy().build().unwrap();
        client.get(&self.resource).bearer_auth(token).send().await.unwrap()
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// `cargo test` builds the examples beside the folder of the tests; with `--test` alone it does not.
fn program() -> PathBuf {
    let program = std::env::current_exe().unwrap().parent().unwrap().with_file_name("examples").join("me");
    assert!(program.exists(), "`cargo build --example me` comes first");
    program
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn it_starts_before_its_issuer_and_needs_no_restart() {
    let address = free_address();
    let issuer_url = format!("http://{address}");
    let example = Example::start(&["--issuer", &issuer_url, "--audience", AUDIENCE, "--scope", "read:me"]);

    let stranger = small_issuer();
    let meanwhile = example.get(&good(&stranger).claim("iss", &issuer_url).sign()).await;
    assert_eq!(meanwhile.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(meanwhile.headers().contains_key("retry-after") && !meanwhile.headers().contains_key("www-authenticate"));

    let issuer = TestIssuer::builder().algorithms([Algorithm::ES256]).listen(address).start();
    let token = good(&issuer).sign();
    let patience = Instant::now() + Duration::from_secs(30);
    let response = loop {
        let response = example.get(&token).await;
        if response.status() != StatusCode::SERVICE_UNAVAILABLE || Instant::now() > patience {
            break response;
        }
    };
    assert_eq!(response.status(), StatusCode::OK);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["subject"], "user-1");
    assert_eq!(body["client"], "client-1");
    assert_eq!(body["scopes"], serde_json::json!(["read:me"]));
    assert_eq!(body["issuer"], issuer_url);
    assert!(body["expires_at"].is_u64());
}

#[tokio::test]
async fn the_health_check_is_open_and_the_strict_profile_is_strict() {
    let issuer = small_issuer();
    let flags = ["--issuer", issuer.url(), "--audience", AUDIENCE, "--scope", "a b", "--profile", "rfc9068"];
    let example = Example::start(&flags);
    let health = reqwest::get(example.resource.replace("/api/me", "/healthz")).await.unwrap();
    assert_eq!(health.status(), StatusCode::OK);
    assert_eq!(example.get(&good(&issuer).scope("b a").sign()).await.status(), StatusCode::OK);
    assert_eq!(example.get(&good(&issuer).scope("a").sign()).await.status(), StatusCode::FORBIDDEN);
    let generic = good(&issuer).scope("a b").header("typ", "JWT").sign();
    assert_eq!(example.get(&generic).await.status(), StatusCode::UNAUTHORIZED);
}

#[test]
fn bad_flags_get_one_clear_sentence() {
    let run = |flags: &[&str]| {
        let output = Command::new(program()).args(flags).arg("--once").output().unwrap();
        assert!(!output.status.success(), "{flags:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(run(&["--issuer", "http://login.example.com"]).contains("http://login.example.com"));
    assert!(run(&["--scope", "a  b"]).contains("not a list of scope tokens"));
    assert!(run(&["--audience", ""]).contains("audience \"\""));
    assert!(run(&["--listen", "nowhere"]).contains("nowhere"));
}
