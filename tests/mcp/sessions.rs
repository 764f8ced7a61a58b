//! Sessions belong to the user who began them.

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Body;
use axum::routing::any;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use tower::ServiceExt;
use tower_bearer::mcp::Operations;
use tower_bearer::{AccessToken, Require, ResourceServer};

use super::{Rig, message, post};
use crate::harness::{AUDIENCE, Answer, server, small_issuer};

const ID: &str = "mcp-session-id";

fn operations() -> Operations {
    Operations::new().otherwise(Require::token())
}

/// The identifier that a client gets for the session `id` of the inner service.
async fn begin(rig: &Rig, token: &str) -> String {
    let answer = rig.post(token, message("initialize")).await;
    answer.assert_ok();
    answer.headers[ID].to_str().unwrap().to_owned()
}

fn within(session: &str) -> Request<Body> {
    let mut request = post(message("ping"));
    request.headers_mut().append(ID, session.parse().unwrap());
    request
}

#[track_caller]
fn assert_unknown(answer: &Answer) {
    assert_eq!((answer.status, answer.challenge()), (StatusCode::NOT_FOUND, None));
}

#[tokio::test]
async fn a_session_is_known_to_its_user_alone() {
    let rig = Rig::with_answer(operations(), &[(ID, "4f.2a")]);
    let alice = rig.token_of("alice", "read");
    let session = begin(&rig, &alice).await;
    assert!(session.starts_with("4f.2a.") && session.len() == "4f.2a.".len() + 43, "{session}");
    // Another token of the same user will do, because tokens expire before sessions.
    for token in [&alice, &rig.token_of("alice", "other")] {
        rig.send(token, within(&session)).await.assert_ok();
        let (headers, _) = rig.reached.lock().unwrap().pop().unwrap();
        assert_eq!(headers.get_all(ID).iter().collect::<Vec<_>>(), ["4f.2a"], "the inner service sees its own");
    }
    let before = rig.reached();
    for other in [rig.token_of("bob", "read"), rig.token_of("alic", "read"), rig.token_of("alice ", "read")] {
        assert_unknown(&rig.send(&other, within(&session)).await);
    }
    let mac = &session["4f.2a.".len()..];
    let last = if session.ends_with('A') { "B" } else { "A" };
    for forged in [
        "4f.2a",
        "4f.2a.",
        ".",
        "x",
        &format!("4f.2a.{}", "A".repeat(43)),
        &format!("4f.2b.{mac}"),
        &format!("4f.2.{mac}"),
        &format!(".{mac}"),
        mac,
        &session[..session.len() - 1],
        &format!("{}{last}", &session[..session.len() - 1]),
        &format!("{session}="),
        &format!("{session}.{mac}"),
        &session.to_uppercase(),
    ] {
        assert_unknown(&rig.send(&alice, within(forged)).await);
    }
    // Two, although one of them, or both, are good.
    for second in [&*session, "x"] {
        let mut request = within(&session);
        request.headers_mut().append(ID, second.parse().unwrap());
        assert_unknown(&rig.send(&alice, request).await);
    }
    // Whatever the method, and whatever the token may do.
    for method in ["GET", "DELETE", "PUT"] {
        let request = |token: &str| {
            let request = Request::builder().method(method).uri("/").header(ID, &session);
            request.header(AUTHORIZATION, format!("Bearer {token}")).body(Body::from(message("ping"))).unwrap()
        };
        let status = async |token: &str| rig.app.clone().oneshot(request(token)).await.unwrap().status();
        assert_eq!(status(&rig.token_of("bob", "read")).await, StatusCode::NOT_FOUND);
        assert_eq!(status(&alice).await, StatusCode::OK);
    }
    assert_eq!(rig.reached(), before + 3);
}

/// The subjects of two issuers are two users, whatever they are called. No text of one can be taken for a part of the other.
#[tokio::test]
async fn the_same_subject_of_another_issuer_is_another_user() {
    let [one, other] = [small_issuer(), small_issuer()];
    let api = ResourceServer::builder(AUDIENCE).trust(one.issuer()).trust(other.issuer()).build().unwrap();
    let subject = async |token: AccessToken| {
        Response::builder().header(ID, "s").body(Body::from(token.subject().to_owned())).unwrap()
    };
    let app = Router::new().route("/", any(subject)).layer(operations()).layer(api.layer());
    let send = async |token: String, request: Request<Body>| {
        let mut request = request;
        request.headers_mut().append(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        app.clone().oneshot(request).await.unwrap()
    };
    let token = |issuer: &tower_bearer::testing::TestIssuer| issuer.token().audience(AUDIENCE).subject("alice").sign();
    let session = send(token(&one), post(message("initialize"))).await.headers()[ID].to_str().unwrap().to_owned();
    assert_eq!(send(token(&one), within(&session)).await.status(), StatusCode::OK);
    assert_eq!(send(token(&other), within(&session)).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_session_survives_where_its_key_does() {
    let key = [7; 32];
    let with_key = |key: &[u8]| operations().session_key(key).unwrap();
    let answer: &[_] = &[(ID, "s")];
    let issuer = small_issuer();
    let app = |operations: Operations| {
        let handler = async move || Response::builder().header(ID, answer[0].1).body(Body::empty()).unwrap();
        Router::new().route("/", any(handler)).layer(operations).layer(server(&issuer).layer())
    };
    let token = issuer.token().audience(AUDIENCE).sign();
    let send = async |app: &Router, mut request: Request<Body>| {
        request.headers_mut().append(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        app.clone().oneshot(request).await.unwrap()
    };
    let one = app(with_key(&key));
    let session = send(&one, post(message("initialize"))).await.headers()[ID].to_str().unwrap().to_owned();
    for (app, status) in [
        (&one, StatusCode::OK),
        (&app(with_key(&key)), StatusCode::OK),
        (&app(with_key(&[8; 32])), StatusCode::NOT_FOUND),
        (&app(operations()), StatusCode::NOT_FOUND),
    ] {
        assert_eq!(send(app, within(&session)).await.status(), status);
    }
    // Without a key of yours, each has one of its own, and its clones have the same.
    let own = operations();
    let one = app(own.clone());
    let session = send(&one, post(message("initialize"))).await.headers()[ID].to_str().unwrap().to_owned();
    for (app, status) in [(&app(own), StatusCode::OK), (&app(operations()), StatusCode::NOT_FOUND)] {
        assert_eq!(send(app, within(&session)).await.status(), status);
    }
    for length in [0, 31] {
        let error = Operations::new().session_key(vec![7; length]).unwrap_err().to_string();
        assert_eq!(error, format!("expected a session key of at least 32 random bytes, found {length} bytes"));
    }
}

#[tokio::test]
async fn every_identifier_in_an_answer_is_bound() {
    let rig = Rig::with_answer(operations(), &[(ID, "a"), ("x-other", "b"), (ID, "c")]);
    let answer = rig.post(&rig.token(""), message("initialize")).await;
    let ids: Vec<_> = answer.headers.get_all(ID).iter().map(|id| id.to_str().unwrap()).collect();
    assert!(ids.len() == 2 && ids[0].starts_with("a.") && ids[1].starts_with("c."), "{ids:?}");
    assert_eq!(answer.headers["x-other"], "b");
    let without = Rig::new(operations());
    assert!(!without.post(&without.token(""), message("initialize")).await.headers.contains_key(ID));
}

/// Processes of two releases may share sessions, so what the MAC covers does not change: label, issuer, subject and identifier.
#[tokio::test]
async fn the_mac_covers_its_purpose_the_user_and_the_identifier() {
    let key = [7; 32];
    let rig = Rig::with_answer(operations().session_key(key).unwrap(), &[(ID, "4f.2a")]);
    let issuer = rig.issuer.url();
    let session = begin(&rig, &rig.token_of("alice", "")).await;
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key));
    for part in ["tower-bearer MCP session v1", issuer, "alice"] {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    context.update(&[0xFF; 8]);
    context.update(b"4f.2a");
    assert_eq!(session, format!("4f.2a.{}", URL_SAFE_NO_PAD.encode(context.sign())));
}

/// Requests that an extension lets pass have no user. Their sessions are of no use to a token, nor are those of a token to them.
#[tokio::test]
async fn a_session_without_a_token_is_no_users() {
    #[derive(Clone)]
    struct ApiKey;
    let issuer = small_issuer();
    let either = || Require::token().or_extension::<ApiKey>();
    let handler = async || Response::builder().header(ID, "s").body(Body::empty()).unwrap();
    let layer = server(&issuer).layer().ignore_tokens(|text| text.starts_with("ak_")).require(either());
    let operations = Operations::new().otherwise(either()).tool("delete", Require::token());
    let app = Router::new().route("/", any(handler)).layer(operations).layer(layer).layer(axum::Extension(ApiKey));
    let send = async |credentials: &str, mut request: Request<Body>| {
        request.headers_mut().append(AUTHORIZATION, format!("Bearer {credentials}").parse().unwrap());
        app.clone().oneshot(request).await.unwrap()
    };
    let token = issuer.token().audience(AUDIENCE).sign();
    let begin = async |credentials: &str| {
        send(credentials, post(message("initialize"))).await.headers()[ID].to_str().unwrap().to_owned()
    };
    let (of_key, of_user) = (begin("ak_1").await, begin(&token).await);
    for (credentials, session, status) in [
        ("ak_1", &of_key, StatusCode::OK),
        (&*token, &of_user, StatusCode::OK),
        ("ak_1", &of_user, StatusCode::NOT_FOUND),
        (&*token, &of_key, StatusCode::NOT_FOUND),
    ] {
        assert_eq!(send(credentials, within(session)).await.status(), status);
    }
    // What an extension does not satisfy needs a token, whatever the body says.
    let refused = send("ak_1", post(super::call("delete"))).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let refused = send("ak_1", post(format!("[{},{}]", message("ping"), super::call("delete")))).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(send(&token, post(super::call("delete"))).await.status(), StatusCode::OK);
}
