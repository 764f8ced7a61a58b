//! `examples/forward_auth` as a proxy uses it: alone, and behind nginx with the configuration that its documentation shows.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use axum::{Json, Router};
use http::header::{AUTHORIZATION, AsHeaderName, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, StatusCode};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tower_bearer::testing::{Endpoint, Fault, TestIssuer};

use crate::harness::nginx::{Nginx, Process};
use crate::harness::{AUDIENCE, good, small_issuer};

const BARE: &str = r#"Bearer realm="https://api.example.test""#;

/// The example, listening.
pub(crate) struct ForwardAuth {
    pub(crate) url: String,
    _process: Process,
}

impl ForwardAuth {
    fn start(issuer: &TestIssuer) -> Self {
        Self::start_with(issuer, &[])
    }

    pub(crate) fn start_with(issuer: &TestIssuer, flags: &[&str]) -> Self {
        let program =
            std::env::current_exe().unwrap().parent().unwrap().with_file_name("examples").join("forward_auth");
        assert!(program.exists(), "`cargo build --example forward_auth` comes first");
        let own = ["--issuer", issuer.url(), "--audience", AUDIENCE, "--listen", "127.0.0.1:0"];
        let mut process = Command::new(program).args(own).args(flags).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let line = lines.next().unwrap();
        // What it warns of later needs a reader too.
        std::thread::spawn(move || lines.for_each(drop));
        let (url, _) = line.strip_prefix("A proxy sends its request to ").unwrap().split_once("/auth,").unwrap();
        Self { url: url.to_owned(), _process: Process(process) }
    }

    async fn get(&self, path: &str, token: &str) -> Response {
        client().get(format!("{}{path}", self.url)).bearer_auth(token).send().await.unwrap()
    }
}

/// nginx in front of a service that tells which headers it sees, with the example to ask.
pub(crate) struct Proxied {
    pub(crate) url: String,
    _nginx: Nginx,
    _forward_auth: ForwardAuth,
}

impl Proxied {
    async fn start(issuer: &TestIssuer) -> Self {
        Self::start_with(issuer, str::to_owned).await
    }

    /// With the documented configuration as `edit` leaves it.
    async fn start_with(issuer: &TestIssuer, edit: impl FnOnce(&str) -> String) -> Self {
        Self::start_before(ForwardAuth::start(issuer), edit).await
    }

    pub(crate) async fn start_before(forward_auth: ForwardAuth, edit: impl FnOnce(&str) -> String) -> Self {
        let service = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let service_url = format!("http://{}", service.local_addr().unwrap());
        tokio::spawn(axum::serve(service, Router::new().fallback(echo)).into_future());

        let nginx = Nginx::start(|address, _| edit(&configuration(address, &forward_auth.url, &service_url)));
        Self { url: format!("http://{}", nginx.address), _nginx: nginx, _forward_auth: forward_auth }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        client().get(format!("{}{path}", self.url))
    }
}

async fn echo(method: Method, headers: HeaderMap, body: String) -> Json<Value> {
    let of = |name: &str| headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
    let names = ["x-auth-subject", "x-auth-client", "x-auth-scope", "x-auth-issuer", "x_auth_subject"];
    let seen = names.map(|name| (name.to_owned(), json!(of(name))));
    Json(json!({ "method": method.as_str(), "body": body, "seen": serde_json::Map::from_iter(seen) }))
}

/// What the documentation of the example shows, with the addresses of this test.
fn configuration(address: SocketAddr, forward_auth: &str, service: &str) -> String {
    let documentation = include_str!("../examples/forward_auth.rs");
    let (_, rest) = documentation.split_once("//! ```nginx\n").unwrap();
    let (shown, _) = rest.split_once("//! ```").unwrap();
    let shown = shown.lines().map(|line| line.strip_prefix("//!").unwrap()).collect::<Vec<_>>().join("\n");
    let shown = shown.replace("http://127.0.0.1:9000", forward_auth).replace("http://127.0.0.1:8000", service);
    let (http, server) = shown.split_once("# For `server { … }`.").unwrap();
    format!("{http}\nserver {{ listen {address}; {server} }}")
}

pub(crate) fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// The status for exactly this path: an attacker's client does not resolve its dots, as URL parsers do.
async fn status(url: &str, path: &str, token: &str) -> StatusCode {
    let mut stream = tokio::net::TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response.split(' ').nth(1).unwrap().parse().unwrap()
}

/// The only value of the header.
pub(crate) fn the(response: &Response, name: impl AsHeaderName) -> &str {
    let values: Vec<_> = response.headers().get_all(name).iter().collect();
    assert_eq!(values.len(), 1, "{response:?}");
    values[0].to_str().unwrap()
}

#[tokio::test]
async fn a_good_token_is_accepted_for_any_method_and_path() {
    let issuer = small_issuer();
    let forward_auth = ForwardAuth::start(&issuer);
    let token = good(&issuer).sign();
    for path in
        ["/auth", "/auth/", "/auth/a/b?scope=x", "/auth//", "/scope/read:me", "/scope/read:me/", "/scope/read:me/a"]
    {
        for method in [Method::GET, Method::POST, Method::DELETE, Method::OPTIONS] {
            let request = client().request(method, format!("{}{path}", forward_auth.url)).bearer_auth(&token);
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(the(&response, "x-auth-subject"), "user-1");
            assert_eq!(the(&response, "x-auth-client"), "client-1");
            assert_eq!(the(&response, "x-auth-scope"), "read:me");
            assert_eq!(the(&response, "x-auth-issuer"), issuer.url());
            assert_eq!(the(&response, CACHE_CONTROL), "no-store");
        }
    }
    let refused = client().get(format!("{}/auth", forward_auth.url)).send().await.unwrap();
    assert_eq!((refused.status(), the(&refused, WWW_AUTHENTICATE)), (StatusCode::UNAUTHORIZED, BARE));
}

#[tokio::test]
async fn the_path_selects_the_required_scope_and_the_query_does_not() {
    let issuer = small_issuer();
    let forward_auth = ForwardAuth::start(&issuer);
    let token = good(&issuer).scope("read:me https://example.com/a").sign();
    for good in ["read:me", "read:me%20https:%2F%2Fexample.com%2Fa"] {
        assert_eq!(forward_auth.get(&format!("/scope/{good}"), &token).await.status(), StatusCode::OK, "{good}");
    }
    for bad in
        ["write:me", "write:me?scope=read:me", "read:me%20write:me", "write:me/../read:me", "write:me/%2e%2e/read:me"]
    {
        assert_eq!(status(&forward_auth.url, &format!("/scope/{bad}"), &token).await, StatusCode::FORBIDDEN, "{bad}");
    }
    let refused = forward_auth.get("/scope/write:me/any", &token).await;
    assert!(the(&refused, WWW_AUTHENTICATE).ends_with(r#"scope="write:me""#));
    for mistaken in ["/scope/a%20%20b", "/scope/%22", "/scope/%0a", "/scope//a"] {
        assert_eq!(forward_auth.get(mistaken, &token).await.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
    for nothing in ["/", "/scope", "/scope/", "/authx"] {
        assert_eq!(forward_auth.get(nothing, &token).await.status(), StatusCode::NOT_FOUND, "{nothing}");
    }
}

#[tokio::test]
async fn a_subject_that_is_no_header_value_is_refused() {
    let issuer = small_issuer();
    let forward_auth = ForwardAuth::start(&issuer);
    for subject in ["a\r\nx-auth-scope: admin", "a\nb", "a\u{0}", "Jörg", "tab\tbed", " admin", "admin ", "\u{7f}"] {
        for token in [good(&issuer).claim("sub", subject), good(&issuer).claim("client_id", subject)] {
            let response = forward_auth.get("/auth", &token.sign()).await;
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{subject:?}");
            assert!(!response.headers().keys().any(|name| name.as_str().starts_with("x-auth-")), "{response:?}");
        }
    }
    let anonymous = good(&issuer).without_claim("client_id").without_claim("scope").sign();
    let response = forward_auth.get("/auth", &anonymous).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!((the(&response, "x-auth-client"), the(&response, "x-auth-scope")), ("", ""), "there, and empty");
}

#[tokio::test]
async fn nginx_replaces_identity_headers_sent_by_the_client() {
    let issuer = small_issuer();
    let proxied = Proxied::start(&issuer).await;
    let request = client().post(format!("{}/api/me", proxied.url)).bearer_auth(good(&issuer).sign()).body("hello");
    let spoofed = request
        .header("X-Auth-Subject", "admin")
        .header("x-auth-subject", "root")
        .header("X_Auth_Subject", "admin")
        .header("X-Auth-Scope", "admin");
    let response = spoofed.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(!response.headers().contains_key(WWW_AUTHENTICATE));
    let heard: Value = response.json().await.unwrap();
    assert_eq!((&heard["method"], &heard["body"]), (&json!("POST"), &json!("hello")));
    let expected = json!({
        "x-auth-subject": ["user-1"], "x-auth-client": ["client-1"], "x-auth-scope": ["read:me"],
        "x-auth-issuer": [issuer.url()], "x_auth_subject": [],
    });
    assert_eq!(heard["seen"], expected);

    let nameless = good(&issuer).without_claim("client_id").sign();
    let request = proxied.get("/api/me").bearer_auth(nameless).header("X-Auth-Client", "admin");
    let heard: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(heard["seen"]["x-auth-client"], json!([]), "the client's own is gone");
}

#[tokio::test]
async fn nginx_passes_refusals_on_with_their_challenge() {
    let issuer = small_issuer();
    let proxied = Proxied::start(&issuer).await;

    let refused = proxied.get("/api/me").send().await.unwrap();
    assert_eq!((refused.status(), the(&refused, WWW_AUTHENTICATE)), (StatusCode::UNAUTHORIZED, BARE));

    let refused = proxied.get("/api/me").bearer_auth("junk").send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert!(the(&refused, WWW_AUTHENTICATE).contains(r#"error="invalid_token""#));

    let refused = proxied.get("/api/me").bearer_auth(good(&issuer).scope("other").sign()).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert!(the(&refused, WWW_AUTHENTICATE).contains(r#"error="insufficient_scope""#));
    assert!(the(&refused, WWW_AUTHENTICATE).ends_with(r#"scope="read:me""#));

    // Both lines are good: which of them would count is not for us to guess.
    let token = format!("Bearer {}", good(&issuer).sign());
    let twice = proxied.get("/api/me").header(AUTHORIZATION, &token).header(AUTHORIZATION, &token);
    let refused = twice.send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    // From 1.23 on, nginx refuses the request by itself.
    if refused.headers().contains_key(WWW_AUTHENTICATE) {
        assert!(the(&refused, WWW_AUTHENTICATE).contains(r#"error="invalid_request""#));
    }
    let malformed = proxied.get("/api/me").header(AUTHORIZATION, "Bearer a b").send().await.unwrap();
    assert_eq!(malformed.status(), StatusCode::BAD_REQUEST);
    assert!(the(&malformed, WWW_AUTHENTICATE).contains(r#"error="invalid_request""#));
}

#[tokio::test]
async fn nginx_passes_retry_after_on_during_an_outage() {
    let issuer = small_issuer();
    issuer.fail(Endpoint::Jwks, Fault::Status(500));
    let proxied = Proxied::start(&issuer).await;
    let response = proxied.get("/api/me").bearer_auth(good(&issuer).sign()).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(the(&response, RETRY_AFTER).parse::<u64>().unwrap() >= 1);
    assert!(!response.headers().contains_key(WWW_AUTHENTICATE));
}

/// The next fetch for an unknown key is too far off: the client keeps its token and repeats the request later.
#[tokio::test]
async fn nginx_passes_429_on_with_retry_after() {
    let issuer = small_issuer();
    let proxied = Proxied::start(&issuer).await;
    let mut found = Vec::new();
    for kid in ["unknown-1", "unknown-2", "unknown-3"] {
        let response =
            proxied.get("/api/me").bearer_auth(good(&issuer).header("kid", kid).sign()).send().await.unwrap();
        found.push((response.status().as_u16(), response.headers().contains_key(RETRY_AFTER)));
    }
    assert_eq!(found, [(401, false), (401, false), (429, true)]);
}

#[tokio::test]
async fn a_client_of_nginx_cannot_reach_the_check_or_choose_the_scope() {
    let issuer = small_issuer();
    let proxied = Proxied::start(&issuer).await;
    let other = good(&issuer).scope("other").sign();
    for path in ["/_scope/other", "/_scope/read:me", "/_scope/other?x", "/api/../_scope/other", "//_scope/other"] {
        assert_eq!(status(&proxied.url, path, &other).await, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/api/me?scope=other", "/api/..%2fx", "/api/other", "/api/?/../_scope/other", "/api/%3f/scope/other"] {
        let status = status(&proxied.url, path, &other).await;
        assert!(matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND), "{path}: {status}");
    }
    let request = proxied.get("/api/me").bearer_auth(&other);
    let request = request.header("X-Original-URI", "/scope/other").header("X-Forwarded-Uri", "/scope/other");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn nginx_can_require_several_scopes() {
    let issuer = small_issuer();
    let several =
        |shown: &str| shown.replace("auth_request /_scope/read:me;", r#"auth_request "/_scope/read:me write:me";"#);
    let proxied = Proxied::start_with(&issuer, several).await;
    let both = proxied.get("/api/me").bearer_auth(good(&issuer).scope("read:me write:me").sign());
    assert_eq!(both.send().await.unwrap().status(), StatusCode::OK);
    let refused = proxied.get("/api/me").bearer_auth(good(&issuer).sign()).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert!(the(&refused, WWW_AUTHENTICATE).ends_with(r#"scope="read:me write:me""#));
}

#[tokio::test]
async fn nginx_refuses_every_request_while_the_example_is_down() {
    let issuer = small_issuer();
    // Nothing listens there, and as long as it is bound, no other test gets the port.
    let bound = TcpSocket::new_v4().unwrap();
    bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let gone = format!("http://{}", bound.local_addr().unwrap());
    let proxied = Proxied::start_with(&issuer, |shown| {
        let (before, after) = shown.split_once("proxy_pass http://").unwrap();
        let (_, path) = after.split_once("/scope/").unwrap();
        format!("{before}proxy_pass {gone}/scope/{path}")
    });
    let response = proxied.await.get("/api/me").bearer_auth(good(&issuer).sign()).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}
