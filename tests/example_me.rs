//! `examples/me` as a user runs it: a process of its own, on real sockets.

use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::{Method, StatusCode};
use reqwest::{Client, Response};
use serde_json::Value;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{TestIssuer, TokenBuilder};

use crate::example_process::{Build, Example, program};
use crate::harness::{AUDIENCE, good, small_issuer};

async fn get(example: &Example, token: &str) -> Response {
    let client = Client::builder().no_proxy().build().unwrap();
    client.get(example.resource()).bearer_auth(token).send().await.unwrap()
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
    let meanwhile = get(&example, &good(&stranger).claim("iss", &issuer_url).sign()).await;
    assert_eq!(meanwhile.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(meanwhile.headers().contains_key("retry-after") && !meanwhile.headers().contains_key("www-authenticate"));

    let issuer = TestIssuer::builder().algorithms([Algorithm::ES256]).listen(address).start();
    let token = good(&issuer).sign();
    let patience = Instant::now() + Duration::from_secs(30);
    let response = loop {
        let response = get(&example, &token).await;
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
    let health = reqwest::get(example.resource().replace("/api/me", "/healthz")).await.unwrap();
    assert_eq!(health.status(), StatusCode::OK);
    assert_eq!(get(&example, &good(&issuer).scope("b a").sign()).await.status(), StatusCode::OK);
    assert_eq!(get(&example, &good(&issuer).scope("a").sign()).await.status(), StatusCode::FORBIDDEN);
    let generic = good(&issuer).scope("a b").header("typ", "JWT").sign();
    assert_eq!(get(&example, &generic).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_transfer_needs_what_the_flags_say() {
    let issuer = small_issuer();
    let flags =
        ["--issuer", issuer.url(), "--audience", AUDIENCE, "--scope", "pay", "--acr", "mfa hwk", "--max-age", "300"];
    let example = Example::start(&flags);
    let transfer = example.resource().replace("/api/me", "/api/transfer");
    let client = Client::builder().no_proxy().build().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let weak = good(&issuer).scope("pay");
    let strong = weak.clone().claim("acr", "hwk").claim("auth_time", now);
    assert_eq!(get(&example, &weak.sign()).await.status(), StatusCode::OK, "the profile needs the scope alone");
    for method in [Method::GET, Method::POST] {
        let ask = async |token: &TokenBuilder| {
            client.request(method.clone(), &transfer).bearer_auth(token.sign()).send().await.unwrap()
        };
        let refused = ask(&weak).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
        assert!(challenge.ends_with(r#"acr_values="mfa hwk", max_age="300", scope="pay""#), "{challenge}");
        assert_eq!(ask(&strong.clone().scope("x")).await.status(), StatusCode::FORBIDDEN);
        assert_eq!(ask(&strong).await.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_page_may_call_it_and_read_the_challenge() {
    let origin = "https://app.example.test";
    let example = Example::start(&["--cors", origin]);
    let client = Client::builder().no_proxy().build().unwrap();
    let preflight = client
        .request(Method::OPTIONS, example.resource())
        .header("origin", origin)
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "authorization, dpop");
    let allowed = preflight.send().await.unwrap();
    assert_eq!(allowed.status(), StatusCode::OK);
    assert_eq!(allowed.headers()["access-control-allow-origin"], origin);
    let headers = allowed.headers()["access-control-allow-headers"].to_str().unwrap();
    assert!(
        ["authorization", "dpop"].iter().all(|name| headers.split(',').any(|allowed| allowed == *name)),
        "{headers}"
    );
    let refused = client.get(example.resource()).header("origin", origin).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refused.headers()["access-control-allow-origin"], origin);
    assert_eq!(refused.headers()["access-control-expose-headers"], "www-authenticate,dpop-nonce");
}

#[tokio::test]
async fn it_serves_the_document_that_its_challenges_name() {
    let address = free_address();
    for (audience, resource) in [
        (format!("http://{address}/files"), format!("http://{address}/files")),
        ("account".to_owned(), format!("http://{address}")),
    ] {
        let example = Example::start(&["--listen", &address.to_string(), "--audience", &audience, "--scope", "a b"]);
        let refused = reqwest::get(example.resource()).await.unwrap();
        let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
        let challenges = http_auth::parse_challenges(challenge).unwrap();
        let (_, url) = challenges[0].params.iter().find(|(name, _)| *name == "resource_metadata").unwrap();
        let document: Value = reqwest::get(url.to_unescaped()).await.unwrap().json().await.unwrap();
        assert_eq!(document["resource"], resource);
        assert_eq!(document["scopes_supported"], serde_json::json!(["a", "b"]));
        assert_eq!(document["authorization_servers"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn the_walk_goes_every_way_to_a_token_and_ends_well() {
    for flags in [&[][..], &["--profile", "rfc9068", "--acr", "mfa hwk", "--max-age", "300"]] {
        let output = Command::new(program(Build::Usual)).args(flags).arg("--once").output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && !printed.contains('✗'), "{flags:?}: {printed}");
        for step in [
            // A public client.
            "It redeems the code, with the PKCE verifier, for tokens",
            "A refresh token that was used before is refused, and ends its successor too",
            // A page with a backend.
            "The backend redeems the code, and the page gets only the access token",
            "It is reloaded, and its backend refreshes the token",
            "Two tabs refresh at once, and both stay signed in",
            "The backend refuses pages of other sites, and of other ports of this machine",
            "The user signs out: the refresh token is revoked, and its cookie is gone",
            // A web application on a server.
            "The code is refused with the right secret and a wrong PKCE verifier",
            "The code is refused with a wrong secret and the right verifier",
            "With the right secret and the right verifier it is redeemed",
            "The server calls the API for the user",
            // Nobody but the client.
            "A service gets a token for itself, with client credentials",
            // A stronger sign-in.
            "The transfer succeeds",
            // Revocation.
            "Bob signs out everywhere, and the authorization server tells the API",
            "The API refuses the same access token from then on",
            "Alice's access token is as good as before",
            "The API accepts his new access token",
        ] {
            assert!(printed.lines().any(|line| line.ends_with(&format!(". ✓ {step}"))), "{step}: {printed}");
        }
    }
}

#[test]
fn the_walk_with_keys_shows_what_a_thief_cannot_do() {
    let in_all = [
        "It redeems the code, with the PKCE verifier, for tokens",
        "It calls the API with the access token",
        "A stolen token is refused as a Bearer token",
        "A stolen token is refused with a proof by another key",
        "A proof is good for one request: the same one again is refused",
        "A proof for another URL is refused",
        "A stolen refresh token is refused with another key",
        "It refreshes the access token",
        "A service gets a token for itself, with client credentials",
        "The transfer succeeds",
        "The page calls the API with it",
        "The server calls the API for the user",
        "The API refuses the same access token from then on",
    ];
    let offered = "A client without a key still gets a Bearer token";
    let required = "The authorization server refuses a client without a proof";
    for (flags, own, others) in [
        (&["--dpop"][..], offered, required),
        (&["--dpop", "required"], required, offered),
        (&["--dpop", "--dpop-nonce"], offered, required),
        (&["--dpop", "--base-url", "https://api.example.com/v1"], offered, required),
    ] {
        let output = Command::new(program(Build::Usual)).args(flags).arg("--once").output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && !printed.contains('✗'), "{flags:?}: {printed}");
        let has = |step: &str| printed.lines().any(|line| line.ends_with(&format!(". ✓ {step}")));
        for step in in_all.iter().chain([&own]) {
            assert!(has(step), "{flags:?}: {step}: {printed}");
        }
        assert!(!has(others), "{flags:?}: {printed}");
        // Each server asks for its nonce, and the claims of proofs are shown.
        for asked in ["POST /token: 400 Bad Request, use_dpop_nonce", "GET /api/me: 401 Unauthorized, use_dpop_nonce"] {
            assert_eq!(printed.contains(asked), flags.contains(&"--dpop-nonce"), "{flags:?}: {printed}");
        }
        let proofs = printed.lines().filter_map(|line| line.trim().strip_prefix("DPoP proof: "));
        let proofs: Vec<Value> = proofs.map(|claims| serde_json::from_str(claims).unwrap()).collect();
        let shown = |end: &str| proofs.iter().filter(|claims| claims["htu"].as_str().unwrap().ends_with(end)).count();
        assert!(shown("/token") > 5 && shown("/api/me") > 5 && shown("/api/transfer") > 1, "{proofs:?}");
        assert!(!printed.contains("Authorization: Bearer"), "the command at the end: {printed}");
    }
}

#[test]
fn the_walk_with_opaque_tokens_shows_who_asks_what_they_are() {
    for (flags, is_bound) in [(&["--opaque"][..], false), (&["--opaque", "--dpop", "required"], true)] {
        let output = Command::new(program(Build::Usual)).args(flags).arg("--once").output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && !printed.contains('✗'), "{flags:?}: {printed}");
        for step in [
            "It calls the API with the access token",
            "The API, as a client with its own credentials, has introspected the token at the authorization server",
            "A second request needs no introspection",
            "A refresh token is refused: the authorization server says that it is not active",
            "A service gets a token for itself, with client credentials",
            "The transfer succeeds",
            "The API refuses a token for another API",
            "The API refuses the ID token",
            "The API refuses a token with another scope",
            "The access token is refused too, as soon as the API introspects it again",
            "The API refuses the same access token from then on",
            "The server calls the API for the user",
        ] {
            assert!(printed.lines().any(|line| line.ends_with(&format!(". ✓ {step}"))), "{step}: {printed}");
        }
        let answers = printed.lines().filter_map(|line| line.trim().strip_prefix("POST /introspect by demo-api: "));
        let answers: Vec<Value> = answers.map(|answer| serde_json::from_str(answer).unwrap()).collect();
        let [active, of_refresh_token] = &answers[..] else { panic!("{answers:?}") };
        assert_eq!((&active["active"], &active["sub"]), (&Value::Bool(true), &Value::from("alice")));
        assert_eq!(active["cnf"]["jkt"].is_string(), is_bound, "{active}");
        assert_eq!(*of_refresh_token, serde_json::json!({ "active": false }));
        let has_jwt = printed.lines().any(|line| line.trim().starts_with("access token: {"));
        assert!(!has_jwt && printed.contains("access token: opaque, "), "{printed}");
    }
}

#[test]
fn an_api_alone_shows_every_challenge() {
    let issuer = small_issuer();
    for (flags, schemes) in [
        (&[][..], &["Bearer"][..]),
        (&["--dpop"], &["Bearer", "DPoP"]),
        (&["--dpop", "required", "--dpop-nonce", "--base-url", "https://api.example.com"], &["DPoP"]),
    ] {
        let mut program = Command::new(program(Build::Usual));
        let output = program.args(["--issuer", issuer.url(), "--once"]).args(flags).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{printed}");
        let challenges = printed.lines().filter_map(|line| line.trim().strip_prefix("www-authenticate: "));
        assert_eq!(challenges.map(|it| it.split(' ').next().unwrap()).collect::<Vec<_>>(), schemes, "{printed}");
    }
}

#[test]
fn bad_flags_get_one_clear_sentence() {
    let run = |flags: &[&str]| {
        let output = Command::new(program(Build::Usual)).args(flags).arg("--once").output().unwrap();
        assert!(!output.status.success(), "{flags:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(run(&["--issuer", "http://login.example.com"]).contains("http://login.example.com"));
    assert!(
        run(&["--scope", "a  b"])
            .contains("expected scope tokens separated by one space (RFC 6749 §3.3), found \"a  b\"")
    );
    assert!(run(&["--audience", ""]).contains("the audience is \"\""));
    assert!(run(&["--listen", "nowhere"]).contains("nowhere"));
    assert!(
        run(&["--acr", "a  b"]).contains("expected acr values separated by one space (RFC 9470 §3), found \"a  b\"")
    );
    let introspect =
        |flags: &[&str]| run(&[&["--issuer", "https://login.example.com", "--introspect"], flags].concat());
    assert!(introspect(&["api"]).contains("expected CLIENT_ID:SECRET, and found no colon"));
    assert!(introspect(&["api", "--introspect-key", "/nowhere.pem"]).contains("No such file"));
    assert!(introspect(&["api:secret", "--introspect-lifetime", "601"]).contains("601"));
    let both = introspect(&["api:secret", "--introspect-method", "client_secret_post", "--introspect-key", "key.pem"]);
    assert!(both.contains("cannot be used with"), "{both}");
    for flag in ["--signed-answers", "--audience-checked-by-issuer", "--client-as-subject"] {
        assert!(run(&["--issuer", "https://login.example.com", flag]).contains("--introspect"), "{flag}");
    }
    for flag in [&["--dpop-nonce"][..], &["--base-url", "https://api.example.com"], &["--trust-proxy", "10.0.0.0/8"]] {
        assert!(run(flag).contains("--dpop"), "{flag:?}");
    }
    assert!(run(&["--opaque", "--issuer", "https://login.example.com"]).contains("--issuer"));
    assert!(run(&["--dpop", "sometimes"]).contains("sometimes"));
    assert!(run(&["--max-age", "x"]).contains("max-age") && run(&["--cors", "a\nb"]).contains("cors"));
}
