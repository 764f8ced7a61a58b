//! Ignored credentials in each source and scheme, and the answers to them: caches, other sites, a second credential, responders.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use http::header::{AUTHORIZATION, CACHE_CONTROL, COOKIE, ORIGIN, VARY, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Method, StatusCode, Version};
use tower::ServiceExt;
use tower_bearer::credentials::TokenSource;
use tower_bearer::dpop::Dpop;
use tower_bearer::layer::ProtectLayer;
use tower_bearer::rejection::{Grpc, Problem, RejectionKind, Respond};
use tower_bearer::{Rejection, Require, ResourceServer};

use super::{ApiKey, KEY, Rig, answer, checked, request, unknown, with, with_key};
use crate::harness::{AUDIENCE, good};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

fn accepting(rig: &Rig) -> ProtectLayer {
    rig.layer().require(with_key(Require::token()))
}

fn with_sources(rig: &Rig) -> ProtectLayer {
    accepting(rig).token_from(TokenSource::header(API_KEY)).token_from(TokenSource::cookie("key"))
}

/// Row B6.
#[tokio::test]
async fn a_key_may_be_in_any_source_with_the_caching_headers_of_a_token() {
    let rig = Rig::new();
    let app = rig.app(with_sources(&rig));
    let (token, bearer) = (good(&rig.issuer).sign(), |text: &str| format!("Bearer {text}"));
    for (name, value, vary) in [
        (AUTHORIZATION, &(|text: &str| bearer(text)) as &dyn Fn(&str) -> String, None),
        (API_KEY, &str::to_owned, Some("x-api-key")),
        (COOKIE, &|text: &str| format!("key={text}"), Some("cookie")),
    ] {
        let of = async |text: &str| {
            let answer = answer(&app, with(request(&[(name.clone(), &value(text))]), ApiKey)).await;
            answer.assert_ok();
            let said = |name| answer.headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap().to_owned());
            (said(CACHE_CONTROL), said(VARY))
        };
        let expected = (vary.map(|_| "private".to_owned()), vary.map(str::to_owned));
        assert_eq!(of(KEY).await, expected, "{name}");
        assert_eq!(of(&token).await, expected, "{name}");
        assert_eq!(rig.reached(), 2);
        rig.assert_refused(&app, request(&[(name.clone(), &value(KEY))])).await;
    }
}

/// Row A10.
#[tokio::test]
async fn a_second_credential_is_malformed() {
    let rig = Rig::new();
    let app = rig.app(with_sources(&rig));
    let token = good(&rig.issuer).sign();
    for (one, other) in [(KEY, KEY), (KEY, &*token), (&*token, KEY), (KEY, "ak_live_8"), (KEY, "x")] {
        let bearer = (AUTHORIZATION, &*format!("Bearer {one}"));
        for second in [(API_KEY, other), (COOKIE, &format!("key={other}")), (AUTHORIZATION, &format!("Bearer {other}"))]
        {
            let twice = request(&[(bearer.0.clone(), bearer.1), second]);
            answer(&app, with(twice, ApiKey)).await.assert_invalid_request();
        }
    }
    assert_eq!(rig.reached(), 0);
}

#[tokio::test]
async fn a_key_in_a_cookie_from_another_site_is_refused() {
    let rig = Rig::new();
    let app = rig.app(with_sources(&rig));
    let send = async |origin: &str| {
        let mut request = request(&[(COOKIE, "key=ak_live_7"), (ORIGIN, origin), ("host".parse().unwrap(), "a.test")]);
        *request.method_mut() = Method::POST;
        answer(&app, with(request, ApiKey)).await
    };
    send("https://a.test").await.assert_ok();
    let refused = send("https://evil.test").await;
    assert_eq!((refused.status, refused.challenge(), rig.reached()), (StatusCode::FORBIDDEN, None, 1));
}

/// The scheme says that the credential is bound to a key. The one of the application has no proof.
#[tokio::test]
async fn the_scheme_dpop_is_refused() {
    let dpop = || Dpop::at("https://api.example.test").unwrap();
    for dpop in [dpop(), dpop().required()] {
        let rig = Rig::with(|issuer| {
            ResourceServer::builder(AUDIENCE).trust(issuer.issuer()).dpop(dpop.clone()).build().unwrap()
        });
        let app = rig.app(accepting(&rig));
        let bound = |text: &str| with(request(&[(AUTHORIZATION, &format!("DPoP {text}"))]), ApiKey);
        for refused in [bound(KEY), bound("x")] {
            let answer = answer(&app, refused).await;
            let challenges: Vec<_> = answer.headers.get_all(WWW_AUTHENTICATE).iter().collect();
            let (last, others) = challenges.split_last().unwrap();
            let last = last.to_str().unwrap();
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
            assert!(last.starts_with("DPoP ") && last.contains(r#"error="invalid_token""#), "{last}");
            assert!(others.iter().all(|other| !other.to_str().unwrap().contains("error")), "{others:?}");
            assert_eq!(rig.reached(), 0);
        }
        // Where tokens have to be bound, an API key needs no proof: it is not a token.
        rig.assert_passes(&app, checked(KEY)).await;
    }
    // Without DPoP the scheme is none of ours.
    let rig = Rig::new();
    let dpop = with(request(&[(AUTHORIZATION, "DPoP ak_live_7")]), ApiKey);
    answer(&rig.app(accepting(&rig)), dpop).await.assert_bare();
}

/// The kind, the status and the challenge are those of a bad token, whether the layer or an inner requirement refuses.
#[tokio::test]
async fn every_responder_shapes_the_refusal() {
    async fn check<R>(rig: &Rig, responder: R, content_type: Option<&str>)
    where
        R: Respond<Body> + Clone + Send + Sync + 'static,
    {
        let inner = rig.routes().layer(Require::token());
        let layer = || accepting(rig).respond_with(responder.clone());
        let cases: [(Router, Request); 3] =
            [(rig.app(layer()), unknown("x")), (rig.app(layer()), unknown(KEY)), (inner.layer(layer()), checked(KEY))];
        let mut texts = Vec::new();
        for (app, request) in cases {
            let response = app.oneshot(request).await.unwrap();
            let rejection = response.extensions().get::<Rejection>().unwrap();
            assert_eq!(rejection.kind(), RejectionKind::InvalidToken);
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            let shown = response.headers().get("content-type").map(|value| value.to_str().unwrap());
            assert_eq!(shown, content_type);
            let (parts, body) = response.into_parts();
            texts.push((parts.headers, axum::body::to_bytes(body, 65536).await.unwrap()));
        }
        assert!(texts.windows(2).all(|two| two[0] == two[1]), "{texts:?}");
        assert_eq!(rig.reached(), 0);
    }
    let rig = Rig::new();
    check(&rig, tower_bearer::rejection::Empty, None).await;
    check(&rig, Problem, Some("application/problem+json")).await;
    check(&rig, Grpc, Some("application/grpc")).await;
}

#[tokio::test]
async fn a_grpc_call_with_an_ignored_credential_is_unauthenticated() {
    let rig = Rig::new();
    let app = rig.app(accepting(&rig).respond_with(Grpc));
    let call = async |mut request: Request| {
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        request.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
        request.headers_mut().insert("te", HeaderValue::from_static("trailers"));
        let answer = answer(&app, request).await;
        (answer.status, answer.headers.get("grpc-status").map(|status| status.to_str().unwrap().to_owned()))
    };
    assert_eq!(call(unknown(KEY)).await, (StatusCode::OK, Some("16".into())));
    assert_eq!((call(checked(KEY)).await, rig.reached()), ((StatusCode::OK, None), 1));
}
