//! Each check of a proof, broken alone, through the layer. The forms of proofs have tests of their own beside the parser.

use std::time::Duration;

use http::StatusCode;
use http::header::AUTHORIZATION;
use tower::Layer;
use tower_bearer::ResourceServer;
use tower_bearer::clock::Clock;
use tower_bearer::dpop::{Dpop, ForwardedHeaders, PeerAddress, PublicUrl};
use tower_bearer::jose::Algorithm;
use tower_bearer::server::ConfigError;
use tower_bearer::testing::{ProofBuilder, TestClient, TestClock};

use super::{PROOF, Rig, URL, answer, dpop, echo, request};
use crate::harness::{AUDIENCE, good, small_issuer};

/// Rows L2 to L11.
///
/// By every algorithm: the proof is refused, leaves no trace, and a good one with its `jti` passes.
#[tokio::test]
async fn each_check_holds_alone_and_a_bad_proof_leaves_no_trace() {
    type Change = fn(ProofBuilder) -> ProofBuilder;
    let changes: [(&str, Change); 19] = [
        ("jti", |proof| proof.without_claim("jti")),
        ("htm absent", |proof| proof.without_claim("htm")),
        ("htu absent", |proof| proof.without_claim("htu")),
        ("iat absent", |proof| proof.without_claim("iat")),
        ("ath absent", |proof| proof.without_claim("ath")),
        ("typ", |proof| proof.header("typ", "JWT")),
        ("no typ", |proof| proof.without_header("typ")),
        ("no jwk", |proof| proof.without_header("jwk")),
        ("crit", |proof| proof.header("crit", ["exp"])),
        ("alg none", |proof| proof.header("alg", "none")),
        ("HS256", |proof| proof.header("alg", "HS256")),
        ("signature", |proof| proof.signed_by(&TestClient::new(Algorithm::ES256))),
        ("method in lower case", |proof| proof.claim("htm", "get")),
        ("another method", |proof| proof.claim("htm", "POST")),
        ("another host", |proof| proof.claim("htu", "https://other.example.test/me")),
        ("another scheme", |proof| proof.claim("htu", "http://api.example.test/me")),
        ("another path", |proof| proof.claim("htu", "https://api.example.test/me/")),
        ("another token", |proof| proof.for_token("x")),
        ("old", |proof| proof.claim("iat", 1)),
    ];
    for algorithm in Algorithm::ALL.iter().copied() {
        let (issuer, client) = (small_issuer(), TestClient::new(algorithm));
        let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).dpop(dpop()).build().unwrap();
        let token = good(&issuer).bound_to(&client).sign();
        let rig = Rig { issuer, api, client, token };
        for (name, change) in changes {
            // Two keys of one algorithm only.
            if name == "signature" && algorithm != Algorithm::ES256 {
                continue;
            }
            let good = rig.proof();
            let reply = rig.send(&change(good.clone()).sign()).await;
            assert_eq!(reply.status(), StatusCode::UNAUTHORIZED, "{algorithm}: {name}");
            reply.assert_refused("DPoP", "invalid_dpop_proof");
            assert_eq!(rig.send(&good.sign()).await.status(), StatusCode::OK, "{algorithm}: {name}");
        }
    }
}

/// Row L11.
///
/// Beside a stolen token.
#[tokio::test]
async fn a_proof_of_another_key_is_refused() {
    let rig = Rig::new();
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA] {
        let thief = TestClient::new(algorithm);
        let proof = thief.proof("GET", URL, &rig.token);
        rig.send(&proof.sign()).await.assert_refused("DPoP", "invalid_dpop_proof");
        let with_jwk = proof.header("jwk", rig.client.jwk()).header("alg", "ES256");
        rig.send(&with_jwk.sign()).await.assert_refused("DPoP", "invalid_dpop_proof");
    }
    assert_eq!(rig.send(&rig.proof().sign()).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_proof_of_a_megabyte_is_refused() {
    let rig = Rig::new();
    rig.send(&"x".repeat(1 << 20)).await.assert_refused("DPoP", "invalid_dpop_proof");
    let long = rig.proof().claim("x", "x".repeat(1 << 20)).sign();
    rig.send(&long).await.assert_refused("DPoP", "invalid_dpop_proof");
}

#[tokio::test]
async fn only_the_configured_algorithms_are_accepted() {
    let rig = Rig::with(dpop().algorithms([Algorithm::EdDSA]), |builder| builder);
    rig.send(&rig.proof().sign()).await.assert_refused("DPoP", "invalid_dpop_proof");
}

/// Row L9.
///
/// Also with the clock of the client a day off.
#[tokio::test]
async fn iat_has_to_be_within_the_window() {
    let clock = TestClock::new();
    let window = Duration::from_secs(60);
    let rig = Rig::with(dpop().window(window), |builder| builder.clock(clock.clone()));
    let now = clock.now();
    let day = Duration::from_secs(24 * 60 * 60);
    for (iat, expected) in [
        (now - window + Duration::from_secs(1), 200),
        (now + window - Duration::from_secs(1), 200),
        (now - window - Duration::from_secs(2), 401),
        (now + window + Duration::from_secs(2), 401),
        (now - day, 401),
        (now + day, 401),
    ] {
        assert_eq!(rig.send(&rig.proof().issued_at(iat).sign()).await.status(), expected, "{iat:?}");
    }
}

#[test]
fn a_window_and_algorithms_are_checked_when_the_server_is_built() {
    let build = |dpop: Dpop| {
        let builder = ResourceServer::builder(AUDIENCE).trust(small_issuer().issuer()).dpop(dpop);
        builder.build().map(drop)
    };
    for value in [Duration::ZERO, Duration::from_millis(999), Duration::from_secs(601)] {
        assert_eq!(build(dpop().window(value)), Err(ConfigError::ProofWindow { value }));
        assert_eq!(build(dpop().insecure_accept_replay_within(value)), Err(ConfigError::ProofWindow { value }));
    }
    assert_eq!(build(dpop().algorithms([])), Err(ConfigError::NoProofAlgorithm));
    assert_eq!(build(dpop().window(Duration::from_secs(600))), Ok(()));
}

/// Row L7.
///
/// The host of the request and the headers of proxies do not count, unless the proxy is named.
#[tokio::test]
async fn the_public_url_is_configuration() {
    let proxied = || PublicUrl::new("https://api.example.test").unwrap();
    let trusting = proxied().trust_proxies(["10.0.0.0/8"], ForwardedHeaders::XForwarded).unwrap();
    let forwarded =
        [("x-forwarded-host", "shop.example.test"), ("x-forwarded-proto", "https"), ("host", "shop.example.test")];
    let shop = "https://shop.example.test/me";
    for (url, peer, htu, expected) in [
        (proxied(), Some("10.1.2.3"), shop, 401),
        (proxied(), Some("10.1.2.3"), URL, 200),
        (trusting.clone(), Some("10.1.2.3"), shop, 200),
        (trusting.clone(), Some("10.1.2.3"), URL, 401),
        (trusting.clone(), Some("192.0.2.1"), shop, 401),
        (trusting.clone(), Some("192.0.2.1"), URL, 200),
        (trusting, None, shop, 401),
    ] {
        let rig = Rig::with(Dpop::at_url(url.clone()), |builder| builder);
        let proof = rig.client.proof("GET", htu, &rig.token).sign();
        let authorization = format!("DPoP {}", rig.token);
        let mut request = request(&[(AUTHORIZATION, &authorization), (PROOF, &proof)]);
        for (name, value) in forwarded {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        if let Some(peer) = peer {
            request.extensions_mut().insert(PeerAddress(peer.parse().unwrap()));
        }
        let reply = answer(rig.api.layer().layer(echo()), request).await;
        assert_eq!(reply.status(), expected, "{url:?} {peer:?} {htu}");
    }
}
