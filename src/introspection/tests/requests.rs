//! What is sent, byte by byte.

use super::stub::{answer, ok};
use super::*;

/// The one request of one call, without its port.
async fn sent(endpoint: impl FnOnce(&Stub) -> Endpoint) -> String {
    sent_for("2YotnFZFEjr1zCsicMWpAA", ok("{}"), endpoint).await
}

async fn sent_for(token: &str, answer: String, endpoint: impl FnOnce(&Stub) -> Endpoint) -> String {
    let stub = Stub::answering(answer);
    endpoint(&stub).ask(token, &MovedClock::new()).await.unwrap();
    let [request] = &*stub.requests() else { panic!("{:?}", stub.requests()) };
    request.replace(&stub.url(""), "http://127.0.0.1:PORT").replace(&stub.url("")[7..], "127.0.0.1:PORT")
}

/// Row N1.
#[tokio::test]
async fn client_secret_basic_is_in_the_header() {
    let expected = "POST /introspect HTTP/1.1\r\n\
        content-type: application/x-www-form-urlencoded\r\n\
        accept: application/json\r\n\
        authorization: Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW\r\n\
        user-agent: tower-bearer/VERSION\r\n\
        host: 127.0.0.1:PORT\r\n\
        content-length: 57\r\n\r\n\
        token=2YotnFZFEjr1zCsicMWpAA&token_type_hint=access_token";
    let expected = expected.replace("VERSION", env!("CARGO_PKG_VERSION"));
    assert_eq!(sent(|stub| endpoint(stub, basic())).await, expected);
}

/// Row N1.
#[tokio::test]
async fn client_secret_post_is_in_the_body() {
    let secret = Secret::new("7Fjfp0 ZBr&1KtDRbnfV=dmIw+é").unwrap();
    let authentication = ClientAuthentication::client_secret_post("s6Bhd:Rkqt3", secret).unwrap();
    let request = sent(|stub| endpoint(stub, authentication)).await;
    assert!(!request.contains("authorization"), "{request}");
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(
        body,
        "token=2YotnFZFEjr1zCsicMWpAA&token_type_hint=access_token&client_id=s6Bhd%3ARkqt3\
         &client_secret=7Fjfp0+ZBr%261KtDRbnfV%3DdmIw%2B%C3%A9"
    );
}

/// Row N1.
#[tokio::test]
async fn with_mutual_tls_only_the_identifier_is_in_the_body() {
    let authentication = ClientAuthentication::tls_client_auth("s6BhdRkqt3").unwrap();
    let request = sent(|stub| {
        let endpoint = endpoint(stub, authentication);
        assert!(endpoint.lacks_client());
        let endpoint = endpoint.client(reqwest::Client::new());
        assert!(!endpoint.lacks_client());
        endpoint
    })
    .await;
    assert!(!request.contains("authorization"), "{request}");
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "token=2YotnFZFEjr1zCsicMWpAA&token_type_hint=access_token&client_id=s6BhdRkqt3");
}

/// Row N7.
#[tokio::test]
async fn signed_answers_are_asked_for() {
    let answer = answer("200 OK", "application/token-introspection+jwt", "a.b.c");
    let request = sent_for("x", answer, |stub| endpoint(stub, basic()).signed_answers()).await;
    assert!(request.contains("\r\naccept: application/token-introspection+jwt\r\n"), "{request}");
}

#[tokio::test]
async fn a_token_of_any_characters_stays_one_parameter() {
    let request = sent_for("a&client_id=evil =%+é", ok("{}"), |stub| endpoint(stub, basic())).await;
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "token=a%26client_id%3Devil+%3D%25%2B%C3%A9&token_type_hint=access_token");
}

/// A query of the endpoint is kept (RFC 6749 §3.2), and a client of the application sends its own headers.
#[tokio::test]
async fn the_url_and_the_client_are_the_applications() {
    let request = sent(|stub| {
        let url = stub.url("/introspect?tenant=a%20b");
        let client = reqwest::Client::builder().user_agent("shop").build().unwrap();
        Endpoint::at(&url, "urn:issuer", basic(), Encryption::Required).unwrap().client(client)
    })
    .await;
    assert!(request.starts_with("POST /introspect?tenant=a%20b HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("\r\nuser-agent: shop\r\n"), "{request}");
}

#[test]
fn nothing_shows_a_secret() {
    let post = ClientAuthentication::client_secret_post("shop", Secret::new("hunter2").unwrap()).unwrap();
    let shown = format!("{:?}", Endpoint::at("https://h.example/i?key=hunter2", ISSUER, post, Encryption::Required));
    assert_eq!(
        shown,
        r#"Ok(Endpoint { url: "https://h.example/i?key=…", authentication: ClientAuthentication { method: "client_secret_post", client_id: "shop" }, form: Json, .. })"#
    );
    let discovered = format!("{:?}", Endpoint::discovered(ISSUER, basic(), Encryption::Required));
    assert!(discovered.contains(ISSUER) && !discovered.contains("gX1f"), "{discovered}");
}
