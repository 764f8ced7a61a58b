//! The proofs that the token endpoint accepts with `--dpop` (RFC 9449 §4.3, §5, §8).

use std::time::{Duration, SystemTime};

use http::StatusCode;
use serde_json::json;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::{ProofBuilder, TestClient};

use super::{Answer, Demo, SERVICE};

const OWN_TOKEN: [(&str, &str); 2] = [("grant_type", "client_credentials"), ("scope", "read:me")];

fn new_client() -> TestClient {
    TestClient::new(Algorithm::ES256)
}

/// A good proof for the token endpoint.
pub(crate) fn proof(demo: &Demo, client: &TestClient) -> ProofBuilder {
    client.proof("POST", &format!("{}/token", demo.issuer()), "").without_claim("ath")
}

/// A service asks for a token for itself, with these lines of the header `DPoP`.
async fn ask(demo: &Demo, proofs: &[&str]) -> Answer {
    let request = demo.post("/token", &[&OWN_TOKEN[..], &SERVICE].concat());
    Answer::to(proofs.iter().fold(request, |request, proof| request.header("dpop", *proof))).await
}

#[track_caller]
fn assert_bound(answer: &Answer, client: &TestClient) {
    assert_eq!((answer.status, answer.member("token_type")), (StatusCode::OK, "DPoP"), "{}", answer.body);
    assert_eq!(super::claims(answer.member("access_token"))["cnf"], json!({ "jkt": client.jkt() }));
}

#[tokio::test]
async fn a_proof_that_breaks_one_rule_gets_no_token_and_spends_nothing() {
    let mut demo = Demo::with_flags(&["--dpop"]);
    let (client, other) = (new_client(), new_client());
    let code = demo.code(&[]).await;
    let good = || proof(&demo, &client);
    let token_endpoint = format!("{}/token", demo.issuer());
    let now = SystemTime::now();
    let far = Duration::from_secs(75);
    let private = {
        let mut jwk = client.jwk();
        jwk["d"] = jwk["x"].clone();
        jwk
    };
    let off_the_curve = {
        let mut jwk = client.jwk();
        jwk["x"] = jwk["y"].clone();
        jwk
    };
    let of_another_kind = |algorithm| {
        let client = TestClient::new(algorithm);
        proof(&demo, &client)
    };
    let bad = [
        good().header("typ", "JWT"),
        good().without_header("typ"),
        good().header("alg", "HS256"),
        good().header("alg", "none"),
        good().header("alg", "ES384"),
        good().without_header("alg"),
        of_another_kind(Algorithm::ES384),
        of_another_kind(Algorithm::EdDSA),
        of_another_kind(Algorithm::ES384).header("alg", "ES256"),
        good().header("jwk", other.jwk()),
        good().header("jwk", private),
        good().header("jwk", off_the_curve),
        good().header("jwk", json!({ "kty": "oct", "k": "c2VjcmV0" })),
        good().without_header("jwk"),
        good().header("crit", ["exp"]),
        good().signed_by(&other),
        good().claim("htm", "GET"),
        good().claim("htm", "post"),
        good().without_claim("htm"),
        good().claim("htu", demo.api()),
        good().claim("htu", demo.issuer()),
        good().claim("htu", format!("{token_endpoint}/")),
        good().claim("htu", token_endpoint.replace("http:", "https:")),
        good().claim("htu", token_endpoint.replace("127.0.0.1", "localhost")),
        good().claim("htu", "/token"),
        good().without_claim("htu"),
        good().issued_at(now - far),
        good().issued_at(now + far),
        good().without_claim("iat"),
        good().without_claim("jti"),
        good().raw_payload("[]"),
        good().raw_header("{}"),
    ];
    let mut bad: Vec<_> = bad.iter().map(|proof| vec![proof.sign()]).collect();
    bad.push(vec![good().sign(), good().sign()]);
    bad.push(vec![format!("{}, {}", good().sign(), good().sign())]);
    let unsigned = good().signing_input();
    bad.extend(["", "x", "..", &format!("{unsigned}."), &unsigned].map(|text| vec![text.to_owned()]));
    for proofs in &bad {
        let proofs: Vec<_> = proofs.iter().map(String::as_str).collect();
        ask(&demo, &proofs).await.assert_refused("invalid_dpop_proof");
        let redemption = proofs.iter().fold(demo.redemption(&code, &[]), |it, proof| it.header("dpop", *proof));
        Answer::to(redemption).await.assert_refused("invalid_dpop_proof");
    }
    // The code is as good as before.
    let redeemed = Answer::to(demo.redemption(&code, &[]).header("dpop", good().sign())).await;
    assert_bound(&redeemed, &client);
}

#[tokio::test]
async fn other_spellings_of_a_good_proof_are_accepted() {
    let demo = Demo::with_flags(&["--dpop"]);
    let client = new_client();
    let good = || proof(&demo, &client);
    let token_endpoint = format!("{}/token", demo.issuer());
    let (now, near) = (SystemTime::now(), Duration::from_secs(45));
    for good in [
        good(),
        good().header("typ", "DPOP+JWT"),
        good().header("typ", "application/dpop+jwt"),
        good().header("kid", "1"),
        good().claim("ath", "of no token").claim("nonce", "of another server").claim("other", 1),
        good().claim("htu", format!("{token_endpoint}?a=b#c")),
        good().claim("htu", token_endpoint.replace("http:", "HTTP:")),
        good().issued_at(now - near),
        good().issued_at(now + near),
    ] {
        assert_bound(&ask(&demo, &[&good.sign()]).await, &client);
    }
}

#[tokio::test]
async fn a_proof_works_once() {
    let demo = Demo::with_flags(&["--dpop"]);
    let (client, other) = (new_client(), new_client());
    let used = proof(&demo, &client).id("one");
    // A forgery with the same jti does not use it up.
    ask(&demo, &[&used.clone().signed_by(&other).sign()]).await.assert_refused("invalid_dpop_proof");
    assert_bound(&ask(&demo, &[&used.sign()]).await, &client);
    ask(&demo, &[&used.sign()]).await.assert_refused("invalid_dpop_proof");
    // Not even with another signature.
    let again = used.clone().issued_at(SystemTime::now() - Duration::from_secs(5));
    ask(&demo, &[&again.sign()]).await.assert_refused("invalid_dpop_proof");
    assert_bound(&ask(&demo, &[&proof(&demo, &client).id("two").sign()]).await, &client);
    assert_bound(&ask(&demo, &[&proof(&demo, &other).id("one").sign()]).await, &other);
}

#[tokio::test]
async fn a_proof_is_required_only_where_the_flag_says_so() {
    let client = new_client();
    for (flags, token_type, documented) in [
        (&[][..], "Bearer", json!(null)),
        (&["--dpop"], "DPoP", json!(["ES256"])),
        (&["--dpop", "required"], "DPoP", json!(["ES256"])),
    ] {
        let demo = Demo::with_flags(flags);
        let url = format!("{}/.well-known/oauth-authorization-server", demo.issuer());
        let metadata: serde_json::Value = demo.http.get(url).send().await.unwrap().json().await.unwrap();
        assert_eq!(metadata["dpop_signing_alg_values_supported"], documented, "{flags:?}");

        let with_proof = ask(&demo, &[&proof(&demo, &client).sign()]).await;
        assert_eq!(with_proof.member("token_type"), token_type, "{flags:?}");
        assert!(with_proof.nonce.is_none());
        let without = ask(&demo, &[]).await;
        if flags.contains(&"required") {
            without.assert_refused("invalid_dpop_proof");
        } else {
            assert_eq!(without.member("token_type"), "Bearer", "{flags:?}");
            assert!(super::claims(without.member("access_token")).get("cnf").is_none());
        }
    }
}

#[tokio::test]
async fn a_nonce_of_the_token_endpoint_replaces_the_clients_clock() {
    let mut demo = Demo::with_flags(&["--dpop", "--dpop-nonce"]);
    let client = new_client();
    let code = demo.code(&[]).await;
    let asked = Answer::to(demo.redemption(&code, &[]).header("dpop", proof(&demo, &client).sign())).await;
    asked.assert_refused("use_dpop_nonce");
    let nonce = asked.nonce.unwrap();

    // The nonces of the API are others.
    let token = redeem_with_nonce(&demo, &client, &code, &nonce).await;
    let call = async |nonce: Option<&str>| {
        let proof = client.proof("GET", demo.api(), &token);
        let proof = nonce.into_iter().fold(proof, ProofBuilder::nonce);
        let request = demo.http.get(demo.api()).header("authorization", format!("DPoP {token}"));
        request.header("dpop", proof.sign()).send().await.unwrap()
    };
    let refused = call(Some(&nonce)).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let of_the_api = refused.headers()["dpop-nonce"].to_str().unwrap();
    assert_eq!(call(Some(of_the_api)).await.status(), StatusCode::OK);
    for foreign in [of_the_api, "", "x"] {
        let foreign = ask(&demo, &[&proof(&demo, &client).nonce(foreign).sign()]).await;
        foreign.assert_refused("use_dpop_nonce");
        assert_eq!(foreign.nonce.as_deref(), Some(&*nonce));
    }

    // Every answer brings the nonce, and a client may have any time.
    let wrong_clock = proof(&demo, &client).nonce(&nonce).issued_at(SystemTime::UNIX_EPOCH);
    let answer = ask(&demo, &[&wrong_clock.sign()]).await;
    assert_bound(&answer, &client);
    assert_eq!(answer.nonce.as_deref(), Some(&*nonce));
    ask(&demo, &[&wrong_clock.sign()]).await.assert_refused("invalid_dpop_proof");
}

async fn redeem_with_nonce(demo: &Demo, client: &TestClient, code: &str, nonce: &str) -> String {
    let proof = proof(demo, client).nonce(nonce).sign();
    let answer = Answer::to(demo.redemption(code, &[]).header("dpop", proof)).await;
    assert_bound(&answer, client);
    answer.member("access_token").to_owned()
}
