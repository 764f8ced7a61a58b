//! One source in place of `Authorization`: that header is the application's own, whatever it holds.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, VARY};
use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::BodyExt;
use tower::ServiceExt;
use tower_bearer::credentials::TokenSource;
use tower_bearer::layer::ProtectLayer;
use tower_bearer::rejection::{Grpc, Problem, Respond};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{AccessToken, Require, ResourceServer};

use crate::harness::{AUDIENCE, Answer, good, send_with, server, small_issuer};

const ASSERTION: &str = "cf-access-jwt-assertion";

fn assertion() -> TokenSource {
    TokenSource::header(HeaderName::from_static(ASSERTION))
}

fn layer(issuer: &TestIssuer) -> ProtectLayer {
    server(issuer).layer().token_only_from(assertion())
}

/// The handler tells whose token it got, and the `Authorization` lines that it sees.
fn app<R>(layer: ProtectLayer<R>) -> Router
where
    R: Respond<Body> + Clone + Send + Sync + 'static,
{
    let handler = async |token: Option<AccessToken>, headers: HeaderMap| {
        let lines: Vec<_> =
            headers.get_all(AUTHORIZATION).iter().map(|line| line.as_bytes().escape_ascii().to_string()).collect();
        format!("{}|{}", token.as_ref().map_or("nobody", AccessToken::subject), lines.join("|"))
    };
    Router::new().route("/", any(handler)).layer(layer)
}

fn request(lines: &[(&str, &[u8])]) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    for (name, value) in lines {
        let name: HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, HeaderValue::from_bytes(value).unwrap());
    }
    request
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

async fn answer(app: &Router, lines: &[(&str, &[u8])]) -> Answer {
    let response = app.clone().oneshot(request(lines)).await.unwrap();
    Answer { status: response.status(), headers: response.headers().clone() }
}

/// What `Authorization` may hold that means nothing here, a line each.
fn others(issuer: &TestIssuer) -> Vec<Vec<Vec<u8>>> {
    let of_another = format!("Bearer {}", good(issuer).subject("user-2").sign()).into_bytes();
    vec![
        vec![],
        vec![of_another.clone()],
        vec![of_another.clone(), of_another.clone()],
        vec![format!("Bearer {}", good(issuer).sign()).into_bytes()],
        vec![format!("Bearer {}", good(issuer).expired_for(Duration::from_secs(90)).sign()).into_bytes()],
        vec![b"Basic dTpw".to_vec()],
        vec![b"Basic dTpw".to_vec(), of_another],
        vec![b"garbage".to_vec()],
        vec![b"Bearer".to_vec()],
        vec![b"Bearer x y".to_vec()],
        vec![b"".to_vec()],
        vec![b"\xff\"".to_vec()],
        vec![vec![b'x'; 1 << 17]],
    ]
}

/// Two lines of it, or a token in it beside the other one, would otherwise get 400.
#[tokio::test]
async fn authorization_is_neither_read_nor_counted() {
    let issuer = small_issuer();
    let token = good(&issuer).sign();
    for app in [app(layer(&issuer)), app(layer(&issuer).optional())] {
        // The third time the token is in the cache.
        for authorization in others(&issuer) {
            let mut lines = vec![(ASSERTION, token.as_bytes())];
            lines.extend(authorization.iter().map(|line| ("authorization", &**line)));
            let response = app.clone().oneshot(request(&lines)).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{authorization:?}");
            let seen: Vec<_> = authorization.iter().map(|line| line.escape_ascii().to_string()).collect();
            assert_eq!(text(response).await, format!("user-1|{}", seen.join("|")));
        }
    }
}

/// A client that has a token only there has none, and is told as every client without one.
/// Row A14.
#[tokio::test]
async fn a_token_in_authorization_alone_counts_as_none() {
    let issuer = small_issuer();
    for authorization in others(&issuer) {
        let lines: Vec<_> = authorization.iter().map(|line| ("authorization", &**line)).collect();
        answer(&app(layer(&issuer)), &lines).await.assert_bare();
        let scoped = layer(&issuer).require(Require::scope("read:me"));
        answer(&app(scoped), &lines).await.assert_bare_with_scope("read:me");
        let response = app(layer(&issuer).optional()).oneshot(request(&lines)).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[VARY], ASSERTION);
        assert!(text(response).await.starts_with("nobody|"), "{authorization:?}");
    }
}

/// A client can write the header, and yet forge no token.
/// Row A5.
#[tokio::test]
async fn a_bad_token_in_the_only_source_is_refused_whatever_authorization_holds() {
    let (issuer, stranger) = (small_issuer(), small_issuer());
    let token = good(&issuer).sign();
    let bearer = format!("Bearer {token}");
    let forged = good(&stranger).claim("iss", issuer.url()).sign();
    let expired = good(&issuer).expired_for(Duration::from_secs(90)).sign();
    let of_another_server = good(&issuer).audience("https://other.example.test").sign();
    for app in [app(layer(&issuer)), app(layer(&issuer).optional())] {
        for authorization in [&[][..], &[("authorization", bearer.as_bytes())]] {
            let with = |lines: &[(&'static str, &'static [u8])]| [lines, authorization].concat();
            for bad in [&*forged, &expired, &of_another_server, "x", "x.y.z"] {
                let lines = [&[(ASSERTION, bad.as_bytes())], authorization].concat();
                answer(&app, &lines).await.assert_invalid_token();
            }
            for malformed in [&b""[..], b" ", b"\"x\"", b"x y", b"Bearer x", b"x,y", b"\xff"] {
                answer(&app, &with(&[(ASSERTION, malformed)])).await.assert_invalid_request();
            }
            let twice = [&[(ASSERTION, token.as_bytes()), (ASSERTION, token.as_bytes())], authorization].concat();
            answer(&app, &twice).await.assert_invalid_request();
            let and_empty = [&[(ASSERTION, token.as_bytes()), (ASSERTION, b"")], authorization].concat();
            answer(&app, &and_empty).await.assert_invalid_request();
        }
    }
}

#[tokio::test]
async fn it_replaces_every_earlier_source_and_later_ones_are_added() {
    let issuer = small_issuer();
    let token = good(&issuer).sign();
    let cookie = ("cookie", format!("token={token}"));
    let header = (ASSERTION, token.clone());
    let bearer = ("authorization", format!("Bearer {token}"));
    let plain = || server(&issuer).layer();
    let source = || TokenSource::cookie("token");

    // Neither what came before it nor `Authorization` counts.
    for layer in [
        plain().token_from(source()).token_only_from(assertion()),
        plain().token_only_from(source()).token_only_from(assertion()),
    ] {
        let app = app(layer);
        send_with(&app, "/", std::slice::from_ref(&cookie)).await.assert_bare();
        send_with(&app, "/", std::slice::from_ref(&bearer)).await.assert_bare();
        send_with(&app, "/", std::slice::from_ref(&header)).await.assert_ok();
        send_with(&app, "/", &[header.clone(), cookie.clone(), bearer.clone()]).await.assert_ok();
        send_with(&app, "/", &[header.clone(), ("cookie", "token=\"".into())]).await.assert_ok();
    }
    // What comes after it does, and `Authorization` stays out.
    let app = app(plain().token_only_from(assertion()).token_from(source()));
    send_with(&app, "/", &[cookie.clone(), bearer.clone()]).await.assert_ok();
    send_with(&app, "/", &[header.clone(), bearer.clone()]).await.assert_ok();
    send_with(&app, "/", &[cookie, header]).await.assert_invalid_request();
    send_with(&app, "/", &[bearer]).await.assert_bare();
}

/// Also after a responder is set.
#[tokio::test]
async fn any_source_may_be_the_only_one() {
    let issuer = small_issuer();
    let token = good(&issuer).sign();
    let bearer = || ("authorization", "Bearer of the application".to_owned());
    for (source, header, uri) in [
        (TokenSource::cookie("token"), Some(("cookie", format!("token={token}"))), "/".to_owned()),
        (
            TokenSource::websocket_protocol_after("bearer"),
            Some(("sec-websocket-protocol", format!("bearer, {token}"))),
            "/".into(),
        ),
        (TokenSource::query(), None, format!("/?access_token={token}")),
    ] {
        let app = app(server(&issuer).layer().token_only_from(source).respond_with(Problem));
        let headers: Vec<_> = header.into_iter().chain([bearer()]).collect();
        send_with(&app, &uri, &headers).await.assert_ok();
        send_with(&app, "/", &[bearer()]).await.assert_bare();
    }
}

/// Rows A20, B6.
#[tokio::test]
async fn the_answer_is_private_and_no_line_of_authorization_is_printed() {
    let issuer = small_issuer();
    let token = good(&issuer).sign();
    let shown = async |headers: HeaderMap| format!("{headers:?}");
    let app = Router::new().route("/", any(shown)).layer(layer(&issuer));
    let lines: [(&str, &[u8]); 3] =
        [(ASSERTION, token.as_bytes()), ("authorization", b"Basic c2VjcmV0"), ("authorization", b"Bearer c2VjcmV0")];
    let response = app.oneshot(request(&lines)).await.unwrap();
    assert_eq!(response.headers()[CACHE_CONTROL], "private");
    assert_eq!(response.headers()[VARY], ASSERTION);
    let text = text(response).await;
    assert_eq!(text.matches("Sensitive").count(), 3, "{text}");
    assert!(!text.contains("c2VjcmV0") && !text.contains("eyJ"), "{text}");
}

/// The proxy's token outside, the user's own within: a request needs both, and the handler gets the user's.
#[tokio::test]
async fn an_inner_layer_reads_the_token_of_another_issuer_from_authorization() {
    let (proxy, login) = (small_issuer(), small_issuer());
    let inner = ResourceServer::builder("inner").trust(login.issuer()).build().unwrap();
    let both = app(inner.layer()).layer(layer(&proxy));
    let of_proxy = good(&proxy).sign();
    let of_user = format!("Bearer {}", good(&login).audience("inner").subject("user-2").sign());
    let response = both
        .clone()
        .oneshot(request(&[(ASSERTION, of_proxy.as_bytes()), ("authorization", of_user.as_bytes())]))
        .await
        .unwrap();
    assert_eq!((response.status(), &response.headers()[CACHE_CONTROL]), (StatusCode::OK, &"private".parse().unwrap()));
    assert_eq!(text(response).await, format!("user-2|{of_user}"));

    let swapped = good(&login).audience("inner").sign();
    let bearer_of_proxy = format!("Bearer {of_proxy}");
    for (assertion, authorization) in [
        (Some(&of_proxy), None),
        (None, Some(&of_user)),
        (Some(&of_proxy), Some(&bearer_of_proxy)),
        (Some(&swapped), Some(&of_user)),
        (Some(&swapped), Some(&bearer_of_proxy)),
    ] {
        let lines: Vec<_> = assertion
            .map(|token| (ASSERTION, token.as_bytes()))
            .into_iter()
            .chain(authorization.map(|value| ("authorization", value.as_bytes())))
            .collect();
        assert_eq!(answer(&both, &lines).await.status, StatusCode::UNAUTHORIZED, "{lines:?}");
    }
}

/// gRPC metadata are headers. A call without the token is refused in gRPC's form.
#[tokio::test]
async fn a_grpc_call_is_decided_by_the_only_source() {
    let issuer = small_issuer();
    let grpc = app(layer(&issuer).respond_with(Grpc));
    let token = good(&issuer).sign();
    let bearer = format!("Bearer {token}");
    let call = async |lines: &[(&str, &[u8])]| {
        let mut request = request(lines);
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        request.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
        request.headers_mut().insert("te", "trailers".parse().unwrap());
        let response = grpc.clone().oneshot(request).await.unwrap();
        (response.status(), response.headers().get("grpc-status").map(|status| status.to_str().unwrap().to_owned()))
    };
    let bearer = ("authorization", bearer.as_bytes());
    assert_eq!(call(&[(ASSERTION, token.as_bytes()), bearer]).await, (StatusCode::OK, None));
    assert_eq!(call(&[bearer]).await, (StatusCode::OK, Some("16".into())));
    assert_eq!(call(&[(ASSERTION, b"x"), bearer]).await, (StatusCode::OK, Some("16".into())));
    assert_eq!(call(&[(ASSERTION, b""), bearer]).await, (StatusCode::OK, Some("16".into())));
}

/// It is a setting of one layer: others of the same server read `Authorization` as ever.
#[tokio::test]
async fn other_layers_of_the_server_still_read_authorization() {
    let issuer = small_issuer();
    let api = ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).build().unwrap();
    let only = app(api.layer().token_only_from(assertion()));
    let usual = app(api.layer());
    let bearer = ("authorization", format!("Bearer {}", good(&issuer).sign()));
    send_with(&only, "/", std::slice::from_ref(&bearer)).await.assert_bare();
    send_with(&usual, "/", std::slice::from_ref(&bearer)).await.assert_ok();
}
