//! Codes and refresh tokens that are bound to a key (RFC 9449 §5, §10), and who gets tokens for them.

use http::{Method, StatusCode};
use reqwest::RequestBuilder;
use tower_bearer::jose::Algorithm;
use tower_bearer::testing::TestClient;

use super::proofs::proof;
use super::{Answer, Demo, SERVICE, SERVICE_REDIRECT_URI, claims};

/// A request with a proof by the key of this client, or without.
async fn send(demo: &Demo, request: RequestBuilder, client: Option<&TestClient>) -> Answer {
    let proof = client.map(|client| proof(demo, client).sign());
    Answer::to(proof.into_iter().fold(request, |request, proof| request.header("dpop", proof))).await
}

fn refresh(demo: &Demo, token: &str, credentials: &[(&str, &str)]) -> RequestBuilder {
    let form = [&[("grant_type", "refresh_token"), ("refresh_token", token)], credentials].concat();
    demo.post("/token", &form)
}

fn two_clients() -> [TestClient; 2] {
    [(); 2].map(|()| TestClient::new(Algorithm::ES256))
}

#[tokio::test]
async fn a_public_clients_refresh_token_needs_its_key() {
    let mut demo = Demo::with_flags(&["--dpop"]);
    let [client, thief] = two_clients();
    let app = [("client_id", "demo-app")];
    let code = demo.code(&[]).await;
    let first = send(&demo, demo.redemption(&code, &[]), Some(&client)).await;
    let token = first.member("refresh_token");
    for stranger in [None, Some(&thief)] {
        send(&demo, refresh(&demo, token, &app), stranger).await.assert_refused("invalid_grant");
    }
    let second = send(&demo, refresh(&demo, token, &app), Some(&client)).await;
    assert_eq!(claims(second.member("access_token"))["cnf"]["jkt"], client.jkt());
    assert_eq!(second.member("token_type"), "DPoP");
    let next = second.member("refresh_token");
    send(&demo, refresh(&demo, next, &app), None).await.assert_refused("invalid_grant");
}

#[tokio::test]
async fn a_confidential_clients_refresh_token_needs_its_secret_alone() {
    let mut demo = Demo::with_flags(&["--dpop"]);
    let [client, other] = two_clients();
    let uri = ("redirect_uri", SERVICE_REDIRECT_URI);
    let code = demo.code(&[uri, SERVICE[0]]).await;
    let redemption = demo.redemption(&code, &[uri, SERVICE[0], SERVICE[1]]);
    let mut tokens = send(&demo, redemption, Some(&client)).await;
    for next in [Some(&other), None, Some(&client)] {
        tokens = send(&demo, refresh(&demo, tokens.member("refresh_token"), &SERVICE), next).await;
        let bound_to = &claims(tokens.member("access_token"))["cnf"]["jkt"];
        assert_eq!(bound_to.as_str(), next.map(TestClient::jkt).as_deref());
    }
}

#[tokio::test]
async fn a_code_for_a_key_needs_that_key() {
    let [client, thief] = two_clients();
    let bound = [("dpop_jkt", &*client.jkt())];
    let mut demo = Demo::with_flags(&["--dpop"]);
    let code = demo.code(&bound).await;
    send(&demo, demo.redemption(&code, &[]), Some(&thief)).await.assert_refused("invalid_grant");
    // As with a wrong verifier: somebody else has the code, and it is spent.
    send(&demo, demo.redemption(&code, &[]), Some(&client)).await.assert_refused("invalid_grant");

    for (by, is_good) in [(None, false), (Some(&client), true)] {
        let code = super::parameter(&demo.open(&bound).await.elsewhere().unwrap(), "code").unwrap();
        let answer = send(&demo, demo.redemption(&code, &[]), by).await;
        if is_good {
            assert_eq!(claims(answer.member("access_token"))["cnf"]["jkt"], client.jkt());
        } else {
            answer.assert_refused("invalid_grant");
        }
    }
}

#[tokio::test]
async fn without_the_flag_keys_mean_nothing() {
    let [client, _] = two_clients();
    let mut demo = Demo::start();
    let code = demo.code(&[("dpop_jkt", &client.jkt())]).await;
    let answer = demo.redeem(&code, &[]).await;
    assert_eq!((answer.status, answer.member("token_type")), (StatusCode::OK, "Bearer"));
    let refreshed = demo.refresh(answer.member("refresh_token")).await;
    assert!(claims(refreshed.member("access_token")).get("cnf").is_none());
}

#[tokio::test]
async fn a_page_may_send_proofs_and_read_nonces() {
    let demo = Demo::with_flags(&["--dpop", "--dpop-nonce"]);
    let origin = demo.app().trim_end_matches('/');
    let url = format!("{}/token", demo.issuer());
    let preflight = demo.http.request(Method::OPTIONS, &url).header("origin", origin);
    let preflight = preflight.header("access-control-request-method", "POST");
    let preflight = preflight.header("access-control-request-headers", "dpop").send().await.unwrap();
    let allowed = preflight.headers()["access-control-allow-headers"].to_str().unwrap();
    assert!(allowed.split(',').any(|name| name == "dpop"), "{allowed}");
    let answer = demo.post("/token", &[]).header("origin", origin).send().await.unwrap();
    assert!(answer.headers().contains_key("dpop-nonce"));
    let exposed = answer.headers()["access-control-expose-headers"].to_str().unwrap();
    assert!(exposed.split(',').any(|name| name == "dpop-nonce"), "{exposed}");
}
