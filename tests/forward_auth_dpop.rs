//! `examples/forward_auth --dpop` behind nginx: a proof is for the request that the client made, and the client cannot name another.

use http::header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use reqwest::Response;
use serde_json::{Value, json};
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{TestClient, TestIssuer};

use crate::forward_auth::{ForwardAuth, Proxied, client, the};
use crate::harness::{good, small_issuer};

/// What clients call. nginx itself listens elsewhere.
const URL: &str = "https://shop.example.test";

/// A client with a token that is bound to its key, and where it sends requests.
struct Rig {
    client: TestClient,
    token: String,
    url: String,
}

impl Rig {
    fn new(issuer: &TestIssuer, url: &str) -> Self {
        let client = TestClient::new(Algorithm::ES256);
        let token = good(issuer).bound_to(&client).sign();
        Self { client, token, url: url.to_owned() }
    }

    fn proof(&self, method: &str, path: &str) -> String {
        self.client.proof(method, &format!("{URL}{path}"), &self.token).sign()
    }

    async fn send(&self, method: Method, path: &str, proof: &str, headers: &[(&'static str, &str)]) -> Response {
        let request = client().request(method, format!("{}{path}", self.url));
        let request = request.header(AUTHORIZATION, format!("DPoP {}", self.token)).header("dpop", proof);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
    }
}

/// 401, with both schemes in one line, and the error in the challenge of this one.
#[track_caller]
fn assert_refused(response: &Response, scheme: &str, error: &str) {
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let challenges = the(response, WWW_AUTHENTICATE);
    let (bearer, dpop) = challenges.split_once(", DPoP ").expect(challenges);
    assert!(bearer.starts_with("Bearer ") && dpop.contains("algs="), "{challenges}");
    let (with, without) = if scheme == "DPoP" { (dpop, bearer) } else { (bearer, dpop) };
    assert!(with.contains(&format!("error=\"{error}\"")) && !without.contains("error="), "{challenges}");
}

#[tokio::test]
async fn nginx_names_the_request_that_a_proof_has_to_be_for() {
    let issuer = small_issuer();
    let proxied = Proxied::start_before(ForwardAuth::start_with(&issuer, &["--dpop", URL]), str::to_owned).await;
    let rig = Rig::new(&issuer, &proxied.url);
    for (method, path, signed) in
        [(Method::GET, "/api/me", "/api/me"), (Method::POST, "/api/a%2fb/?page=/api/c", "/api/a%2Fb/")]
    {
        let response = rig.send(method.clone(), path, &rig.proof(method.as_str(), signed), &[]).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert!(!response.headers().contains_key("dpop-nonce") && !response.headers().contains_key(CACHE_CONTROL));
        let heard: Value = response.json().await.unwrap();
        assert_eq!(heard["seen"]["x-auth-subject"], json!(["user-1"]));
    }
    let elsewhere = rig.client.proof("GET", "https://api.example.test/api/me", &rig.token).sign();
    let of_the_check = rig.client.proof("GET", &format!("{URL}/scope/read:me"), &rig.token).sign();
    for proof in [rig.proof("GET", "/api/other"), rig.proof("POST", "/api/me"), elsewhere, of_the_check] {
        let refused = rig.send(Method::GET, "/api/me", &proof, &[]).await;
        assert_refused(&refused, "DPoP", "invalid_dpop_proof");
    }
    let proof = rig.proof("GET", "/api/me");
    assert_eq!(rig.send(Method::GET, "/api/me", &proof, &[]).await.status(), StatusCode::OK);
    let again = rig.send(Method::GET, "/api/me", &proof, &[]).await;
    assert_refused(&again, "DPoP", "invalid_dpop_proof");

    let as_bearer = client().get(format!("{}/api/me", proxied.url)).bearer_auth(&rig.token);
    let refused = as_bearer.header("dpop", rig.proof("GET", "/api/me")).send().await.unwrap();
    assert_refused(&refused, "Bearer", "invalid_token");
    let unbound = client().get(format!("{}/api/me", proxied.url)).bearer_auth(good(&issuer).sign());
    assert_eq!(unbound.send().await.unwrap().status(), StatusCode::OK);
}

/// A client with a proof for one request cannot make another with it, and a stray header does no harm.
#[tokio::test]
async fn nginx_overwrites_the_headers_that_name_the_request() {
    let issuer = small_issuer();
    let proxied = Proxied::start_before(ForwardAuth::start_with(&issuer, &["--dpop", URL]), str::to_owned).await;
    let rig = Rig::new(&issuer, &proxied.url);
    let forged = [
        &[("x-original-uri", "/api/other"), ("x-original-method", "POST")][..],
        &[("X-Original-URI", "/api/other"), ("x-original-uri", "/api/other"), ("X-Original-Method", "POST")],
        &[("x-original-uri", "https://shop.example.test/api/other"), ("X_Original_URI", "/api/other")],
        &[("x-forwarded-uri", "/api/other"), ("x-forwarded-method", "POST"), ("x-original-method", "POST")],
        &[("x-original-uri", "/api/other")],
        &[("x-original-method", "POST")],
        &[("x-original-uri", ""), ("x-original-method", "")],
    ];
    for headers in forged {
        for (method, path) in [("POST", "/api/other"), ("GET", "/api/other"), ("POST", "/api/me")] {
            let refused = rig.send(Method::GET, "/api/me", &rig.proof(method, path), headers).await;
            assert_refused(&refused, "DPoP", "invalid_dpop_proof");
        }
        let own = rig.proof("GET", "/api/me");
        assert_eq!(rig.send(Method::GET, "/api/me", &own, headers).await.status(), StatusCode::OK, "{headers:?}");
    }
}

/// The one request after a refusal passes.
#[tokio::test]
async fn nginx_passes_nonces_on() {
    let issuer = small_issuer();
    let forward_auth = ForwardAuth::start_with(&issuer, &["--dpop", URL, "--nonces"]);
    let proxied = Proxied::start_before(forward_auth, str::to_owned).await;
    let rig = Rig::new(&issuer, &proxied.url);
    let refused = rig.send(Method::GET, "/api/me", &rig.proof("GET", "/api/me"), &[]).await;
    assert_refused(&refused, "DPoP", "use_dpop_nonce");
    assert_eq!(the(&refused, CACHE_CONTROL), "no-store");
    let proof = rig.client.proof("GET", &format!("{URL}/api/me"), &rig.token).nonce(the(&refused, "dpop-nonce"));
    assert_eq!(rig.send(Method::GET, "/api/me", &proof.sign(), &[]).await.status(), StatusCode::OK);
}

/// Of a proxy that appends to what the client sent, or forgets a header, and of a client that asks by itself.
#[tokio::test]
async fn one_line_of_each_header_from_a_named_proxy_is_required() {
    let issuer = small_issuer();
    let forward_auth = ForwardAuth::start_with(&issuer, &["--dpop", URL]);
    let rig = Rig::new(&issuer, &forward_auth.url);
    let (uri, method) = (("x-original-uri", "/api/me"), ("x-original-method", "GET"));
    let good = [uri, method];
    let ask = async |rig: &Rig, headers: &[(&'static str, &str)]| {
        rig.send(Method::GET, "/scope/read:me", &rig.proof("GET", "/api/me"), headers).await
    };
    assert_eq!(ask(&rig, &good).await.status(), StatusCode::OK);
    for bad in [
        &[uri, uri, method][..],
        &[uri, method, method],
        &[("x-original-uri", "/api/me, /api/me"), method],
        &[uri],
        &[method],
        &[],
    ] {
        assert_refused(&ask(&rig, bad).await, "DPoP", "invalid_dpop_proof");
    }
    let of_another = ForwardAuth::start_with(&issuer, &["--dpop", URL, "--proxy", "192.0.2.1"]);
    let rig = Rig::new(&issuer, &of_another.url);
    assert_refused(&ask(&rig, &good).await, "DPoP", "invalid_dpop_proof");

    // As Traefik and Caddy name them.
    let flags = ["--dpop", URL, "--target-header", "x-forwarded-uri", "--method-header", "x-forwarded-method"];
    let forwarded = ForwardAuth::start_with(&issuer, &flags);
    let rig = Rig::new(&issuer, &forwarded.url);
    assert_refused(&ask(&rig, &good).await, "DPoP", "invalid_dpop_proof");
    let headers = [("x-forwarded-uri", "/api/me"), ("x-forwarded-method", "GET")];
    assert_eq!(ask(&rig, &headers).await.status(), StatusCode::OK);
}
