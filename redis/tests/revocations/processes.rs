//! Two processes, each with a server and its stores.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body_util::Empty;
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::dpop::Dpop;
use tower_bearer::jose::Algorithm;
use tower_bearer::revocation::{Revocation, Revocations};
use tower_bearer::testing::TestClient;
use tower_bearer::{Issuer, ResourceServer};
use tower_bearer_redis::RedisReplayStore;

use crate::harness::{AUDIENCE, Fleet, GOAL, TOKEN_LIFE, store_at, until};

/// Where a process finds Redis and the issuer.
const URLS: &str = "TOWER_BEARER_REDIS_PROCESS_TEST";

/// Another process, which does what each line says and prints the outcome.
struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(fleet: &Fleet) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "revocations::processes::a_process"])
            .env(URLS, format!("{} {}", fleet.redis.url(), fleet.issuer.url()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut process = Self { child, input, output };
        assert_eq!(process.reply(), "ready");
        process
    }

    fn send(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    fn reply(&mut self) -> String {
        let mut line = String::new();
        // The test harness prints too.
        while self.output.read_line(&mut line).unwrap() > 0 {
            if let Some((_, reply)) = line.split_once("reply: ") {
                return reply.trim_end().to_owned();
            }
            line.clear();
        }
        panic!("the process has ended");
    }

    fn ask(&mut self, line: &str) -> String {
        self.send(line);
        self.reply()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// No test by itself: what the other process does.
#[tokio::test]
async fn a_process() {
    let Ok(urls) = std::env::var(URLS) else { return };
    let (redis, issuer) = urls.split_once(' ').unwrap();
    let revocations = Revocations::new(TOKEN_LIFE).share(store_at(redis));
    // The machine may be busy.
    let replay_store = RedisReplayStore::connect(redis, "test").unwrap().time_limit(Duration::from_secs(5));
    let server = ResourceServer::builder(AUDIENCE)
        .trust(Issuer::discover(issuer).unwrap())
        .dpop(Dpop::at(AUDIENCE).unwrap().replay_store(replay_store))
        .revocations(revocations.clone())
        .build()
        .unwrap();
    server.ready().await;
    println!("\nreply: ready");
    let (lines, mut received) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || std::io::stdin().lines().map_while(Result::ok).all(|line| lines.send(line).is_ok()));
    while let Some(line) = received.recv().await {
        let words: Vec<_> = line.split(' ').collect();
        let reply = match words[..] {
            ["revoke", sid] => format!("{}", revocations.revoke(&Revocation::session(issuer, sid)).await.is_ok()),
            ["get", token] => send(&server, Request::get("/me").header(AUTHORIZATION, format!("Bearer {token}"))).await,
            ["get", token, proof] => {
                let request = Request::get("/me").header(AUTHORIZATION, format!("DPoP {token}"));
                send(&server, request.header("dpop", proof)).await
            }
            _ => panic!("{line}"),
        };
        println!("\nreply: {reply}");
    }
}

/// The status of the answer.
async fn send(server: &ResourceServer, request: http::request::Builder) -> String {
    let inner = service_fn(async |_: Request<Empty<&'static [u8]>>| {
        Ok::<_, std::convert::Infallible>(Response::new(Empty::<&[u8]>::new()))
    });
    let request = request.body(Empty::new()).unwrap();
    server.layer().layer(inner).oneshot(request).await.unwrap().status().as_u16().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_processes_one_accepts_a_proof_and_without_redis_none() {
    let mut fleet = Fleet::start(&[]);
    let mut processes = [Process::start(&fleet), Process::start(&fleet)];
    let client = TestClient::new(Algorithm::ES256);
    let credentials = |fleet: &Fleet| {
        let token = fleet.issuer.token().audience(AUDIENCE).bound_to(&client).sign();
        let proof = client.proof("GET", "https://api.example.test/me", &token).sign();
        format!("get {token} {proof}")
    };
    for n in 0..100 {
        let line = credentials(&fleet);
        let order = if n % 2 == 0 { [0, 1] } else { [1, 0] };
        for process in order {
            processes[process].send(&line);
        }
        let mut statuses = order.map(|process| processes[process].reply());
        statuses.sort_unstable();
        assert_eq!(statuses, ["200", "401"], "{n}");
    }
    let used = credentials(&fleet);
    assert_eq!(processes[0].ask(&used), "200");
    fleet.redis.kill();
    for process in &mut processes {
        for line in [&used, &credentials(&fleet)] {
            assert_eq!(process.ask(line), "503");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_revokes_the_other_one_refuses() {
    let fleet = Fleet::start(&[]);
    let mut processes = [Process::start(&fleet), Process::start(&fleet)];
    let mut longest = Duration::ZERO;
    for sid in 0..200 {
        let get = format!("get {}", fleet.token(&sid.to_string()));
        let (one, other) = (sid % 2, 1 - sid % 2);
        for process in &mut processes {
            assert_eq!(process.ask(&get), "200");
        }
        let started = Instant::now();
        assert_eq!(processes[one].ask(&format!("revoke {sid}")), "true");
        assert_eq!(processes[one].ask(&get), "401");
        until("the other process refuses", || processes[other].ask(&get) == "401").await;
        let latency = started.elapsed();
        assert!(latency <= GOAL, "{sid}: {latency:?}");
        longest = longest.max(latency);
    }
    println!("from the call of `revoke` to the refusal of the other process: at most {longest:?}");
    // So does a process that starts.
    let mut third = Process::start(&fleet);
    for sid in 0..200 {
        assert_eq!(third.ask(&format!("get {}", fleet.token(&sid.to_string()))), "401");
    }
}
