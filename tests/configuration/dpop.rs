//! The settings of DPoP: each does what the method does, and none is without effect.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderName, Request, Response, StatusCode};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::ResourceServer;
use tower_bearer::config::Config;
use tower_bearer::dpop::{Dpop, ForwardedHeaders, InvalidPublicUrl, Nonces, PeerAddress, PublicUrl};
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{ProofBuilder, TestClient, TestClock, TestIssuer};

use super::agreement::assert_same;
use super::{config, server_with};
use crate::harness::{AUDIENCE, good, small_issuer};

pub(super) const URL: &str = "https://api.example.test";
/// Two keys of 32 bytes.
pub(super) const KEYS: [&str; 2] =
    ["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "_-_-_fz7-vn49_b19PPy8fDv7u3s6-rp6Ofm5eTj4uE"];
const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

fn dpop() -> Dpop {
    Dpop::at(URL).unwrap()
}

fn public_url(change: impl FnOnce(PublicUrl) -> Result<PublicUrl, InvalidPublicUrl>) -> Dpop {
    Dpop::at_url(change(PublicUrl::new(URL).unwrap()).unwrap())
}

pub(super) fn document(dpop: &str) -> String {
    format!("audience = {AUDIENCE:?}\nissuers = ['https://login.example.com']\n[dpop]\nurl = {URL:?}\n{dpop}")
}

/// Nonces have random keys, or keys that are not shown: the tests below use them.
#[test]
fn settings_equal_the_methods() {
    let nonces = || Nonces::random().lifetime(Duration::from_secs(120));
    let header = HeaderName::from_static;
    let networks = ["10.0.0.0/8", "::1"];
    let cases = [
        ("", dpop()),
        ("window = 10", dpop().window(Duration::from_secs(10))),
        ("required = true", dpop().required()),
        ("required = false", dpop()),
        ("algorithms = ['EdDSA', 'ES256']", dpop().algorithms([Algorithm::ES256, Algorithm::EdDSA])),
        ("insecure_accept_replay_within = 5", dpop().insecure_accept_replay_within(Duration::from_secs(5))),
        ("nonces = true", dpop().nonces(Nonces::random())),
        ("nonces = false", dpop()),
        ("nonces = {}", dpop().nonces(Nonces::random())),
        ("nonces.lifetime = 120", dpop().nonces(nonces())),
        ("nonces = { lifetime = 120, issued_at_too = false }", dpop().nonces(nonces())),
        (
            "window = 10\nnonces = { lifetime = 120, issued_at_too = true }",
            dpop().window(Duration::from_secs(10)).nonces_and_issued_at(nonces()),
        ),
        (
            "insecure_accept_replay_within = 5\nnonces = true",
            dpop().nonces(Nonces::random()).insecure_accept_replay_within(Duration::from_secs(5)),
        ),
        ("mounted_at = '/api'", public_url(|url| url.mounted_at("/api"))),
        (
            "trusted_proxies = ['10.0.0.0/8', '::1']\nforwarded_headers = 'x_forwarded'",
            public_url(|url| url.trust_proxies(networks, ForwardedHeaders::XForwarded)),
        ),
        (
            "trusted_proxies = ['10.0.0.0/8', '::1']\nforwarded_headers = 'x_forwarded_with_prefix'",
            public_url(|url| url.trust_proxies(networks, ForwardedHeaders::XForwardedWithPrefix)),
        ),
        (
            "trusted_proxies = ['10.0.0.0/8', '::1']\nforwarded_headers = 'forwarded'",
            public_url(|url| url.trust_proxies(networks, ForwardedHeaders::Forwarded)),
        ),
        (
            "trusted_proxies = ['10.0.0.0/8', '::1']\nforward_auth = { target = 'X-Original-URI', method = 'x-method' }",
            public_url(|url| url.forward_auth(networks, header("x-original-uri"), header("x-method"))),
        ),
        // What both refuse.
        ("window = 0", dpop().window(Duration::ZERO)),
        ("window = 601", dpop().window(Duration::from_secs(601))),
        ("insecure_accept_replay_within = 0", dpop().insecure_accept_replay_within(Duration::ZERO)),
        ("algorithms = []", dpop().algorithms([])),
        ("url = 'https://api.example.test/$PATH'", Dpop::at("https://api.example.test/$PATH").unwrap()),
    ];
    for (settings, dpop) in cases {
        let start = document("");
        let start = if settings.starts_with("url") { start.replace(&format!("url = {URL:?}\n"), "") } else { start };
        let issuer = tower_bearer::Issuer::discover("https://login.example.com").unwrap();
        let code = ResourceServer::builder(AUDIENCE).trust(issuer).dpop(dpop);
        assert_same(config(&format!("{start}{settings}")).builder(), Ok(code));
    }
}

/// A server with these settings of DPoP, and a client with a token that it trusts.
struct Rig {
    api: ResourceServer,
    client: TestClient,
    token: String,
}

impl Rig {
    fn new(issuer: &TestIssuer, settings: &str) -> Self {
        Self::of(issuer, server_with(issuer, &format!("dpop.url = {URL:?}\n{settings}"), ""))
    }

    fn of(issuer: &TestIssuer, api: ResourceServer) -> Self {
        let client = TestClient::new(Algorithm::ES256);
        let token = good(issuer).bound_to(&client).sign();
        Self { api, client, token }
    }

    /// The answer to a `GET` for this path, with a proof for this path below the public URL.
    async fn get(&self, path: &str, signed: &str, nonce: Option<&str>) -> Response<()> {
        let proof = self.client.proof("GET", &format!("{URL}{signed}"), &self.token);
        let proof = nonce.into_iter().fold(proof, ProofBuilder::nonce);
        let request = Request::get(path).header(AUTHORIZATION, format!("DPoP {}", self.token));
        self.send(request.header("dpop", proof.sign()).body(()).unwrap()).await
    }

    async fn send(&self, request: Request<()>) -> Response<()> {
        let inner = service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(())));
        self.api.layer().layer(inner).oneshot(request).await.unwrap()
    }
}

fn nonce_of(response: &Response<()>) -> String {
    response.headers()[NONCE].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_configured_server_checks_proofs() {
    let issuer = small_issuer();
    let rig = Rig::new(&issuer, "");
    assert_eq!(rig.get("/me", "/me", None).await.status(), StatusCode::OK);
    let refused = rig.get("/me", "/other", None).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refused.headers().get_all(WWW_AUTHENTICATE).iter().count(), 2);
    let rig = Rig::new(&issuer, "dpop.mounted_at = '/api'\ndpop.required = true");
    assert_eq!(rig.get("/api/me", "/me", None).await.status(), StatusCode::OK);
    let refused = rig.get("/me", "/me", None).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refused.headers().get_all(WWW_AUTHENTICATE).iter().count(), 1);
}

/// The header counts from a named proxy, and names the request.
#[tokio::test]
async fn forward_auth_is_applied() {
    let issuer = small_issuer();
    let rig = Rig::new(
        &issuer,
        "dpop.trusted_proxies = ['192.0.2.1']\ndpop.forward_auth = { target = 'x-target', method = 'x-method' }",
    );
    for (peer, status) in [("192.0.2.1", StatusCode::OK), ("192.0.2.2", StatusCode::UNAUTHORIZED)] {
        let proof = rig.client.proof("POST", &format!("{URL}/me"), &rig.token).sign();
        let request = Request::get("/auth").header(AUTHORIZATION, format!("DPoP {}", rig.token)).header("dpop", proof);
        let mut request = request.header("x-target", "/me?page=2").header("x-method", "POST").body(()).unwrap();
        request.extensions_mut().insert(PeerAddress(peer.parse().unwrap()));
        assert_eq!(rig.send(request).await.status(), status, "{peer}");
    }
}

pub(super) fn key_file(name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("nonce-key-{name}-{}", std::process::id()));
    fs::write(&path, content).unwrap();
    path
}

/// The instances of a fleet accept each other's nonces, whether their keys are in code, in a document, in a file or in variables.
#[tokio::test]
async fn instances_with_the_same_keys_share_nonces() {
    let issuer = small_issuer();
    let bytes: Vec<u8> = (0..32).collect();
    let code = ResourceServer::builder(AUDIENCE).trust(issuer.issuer());
    let code = code.dpop(dpop().nonces(Nonces::with_keys([bytes]).unwrap())).build().unwrap();
    let (first, second) = (key_file("first", format!("\n{}\r\n", KEYS[0])), key_file("second", KEYS[1]));
    let by_document = |settings: &str| Rig::new(&issuer, &format!("dpop.nonces.{settings}"));
    let by_variable = |name: &str, value: &str| {
        let name = format!("API_DPOP__NONCES__{name}");
        let variables =
            [("API_AUDIENCE", AUDIENCE), ("API_ISSUERS", issuer.url()), ("API_DPOP__URL", URL), (&name, value)];
        Rig::of(&issuer, Config::from_vars("API_", variables).build().unwrap())
    };
    let (keys, reversed) = (KEYS.join(" "), format!("{} {}", KEYS[1], KEYS[0]));
    let fleet = [
        Rig::of(&issuer, code),
        by_document(&format!("keys = [{:?}]", KEYS[0])),
        by_document(&format!("keys = [{:?}, {:?}]", KEYS[1], KEYS[0])),
        by_document(&format!("key_files = [{first:?}, {second:?}]")),
        by_variable("KEYS", KEYS[0].trim_end_matches('=')),
        by_variable("KEYS", &keys),
        by_variable("KEYS", &reversed),
        by_variable("KEYS__0", KEYS[0]),
        by_variable("KEY_FILES", first.to_str().unwrap()),
    ];
    let nonce = nonce_of(&fleet[0].get("/me", "/me", None).await);
    for (at, instance) in fleet.iter().enumerate() {
        assert_eq!(instance.get("/me", "/me", Some(&nonce)).await.status(), StatusCode::OK, "{at}");
    }
    for other in [by_document(&format!("keys = [{:?}]", KEYS[1])), Rig::new(&issuer, "dpop.nonces = true")] {
        assert_eq!(other.get("/me", "/me", Some(&nonce)).await.status(), StatusCode::UNAUTHORIZED);
        let own = nonce_of(&other.get("/me", "/me", None).await);
        assert_eq!(other.get("/me", "/me", Some(&own)).await.status(), StatusCode::OK);
    }
    fs::remove_file(first).unwrap();
    fs::remove_file(second).unwrap();
}

#[tokio::test]
async fn the_lifetime_of_nonces_is_applied() {
    let issuer = small_issuer();
    let clock = TestClock::new();
    let document = format!(
        "audience = {AUDIENCE:?}\nissuers = [{:?}]\ndpop = {{ url = {URL:?}, nonces.lifetime = 20 }}",
        issuer.url()
    );
    let api = config(&document).builder().unwrap().clock(clock.clone()).build().unwrap();
    let rig = Rig::of(&issuer, api);
    let nonce = nonce_of(&rig.get("/me", "/me", None).await);
    clock.advance(Duration::from_secs(19));
    assert_eq!(rig.get("/me", "/me", Some(&nonce)).await.status(), StatusCode::OK);
    clock.advance(Duration::from_secs(1));
    assert_eq!(rig.get("/me", "/me", Some(&nonce)).await.status(), StatusCode::UNAUTHORIZED);
}
