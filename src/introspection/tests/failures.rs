//! Responses of the endpoint that are errors.

use std::net::TcpListener;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;

use http::StatusCode;
use tokio::time::Instant;

use super::stub::{answer, ok};
use super::*;

/// The error of one call, without the port. Neither its text nor its fields have anything of the request or of the body.
async fn error_of(stub: &Stub, endpoint: Endpoint) -> (IntrospectionError, String) {
    let error = endpoint.ask("t0ken", &MovedClock::new()).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    for hidden in ["t0ken", "gX1fBat3bV", "czZCaGR", "b0dy"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
    let text = error.to_string().replace(&stub.url("/introspect"), "URL");
    (error, text)
}

async fn error(answer: impl Into<String>) -> (IntrospectionError, String) {
    let stub = Stub::answering(answer);
    let endpoint = endpoint(&stub, basic());
    error_of(&stub, endpoint).await
}

/// Row N5.
#[tokio::test]
async fn other_statuses_are_errors() {
    for status in [201, 204, 304, 400, 404, 405, 415, 429, 500, 501, 502, 503, 504] {
        let (error, text) = error(answer(&format!("{status} X"), "application/json", "")).await;
        assert!(matches!(error, IntrospectionError::Status { retry_after: None, .. }), "{error:?}");
        assert!(text.starts_with(&format!("URL: answered {status} ")), "{text}");
        assert_eq!(error.is_outage(), [429, 502, 503, 504].contains(&status), "{status}");
        assert_eq!(error.retry_after(), None);
    }
}

#[tokio::test]
async fn an_overloaded_endpoint_says_when_to_ask_again() {
    for (status, value, seconds) in [(503, "7", 7), (429, "3600", 60), (503, "Sun, 29 Nov 2026 18:45:12 GMT", 3)] {
        let (error, _) =
            error(format!("HTTP/1.1 {status} X\r\nretry-after: {value}\r\ncontent-length: 0\r\n\r\n")).await;
        assert_eq!(error.retry_after(), Some(Duration::from_secs(seconds)), "{value}");
    }
}

#[tokio::test]
async fn refused_credentials_are_ours() {
    let refused = [
        answer("401 Unauthorized", "application/json", "b0dy"),
        answer("403 Forbidden", "text/html", "b0dy"),
        answer("400 Bad Request", "application/json", r#"{"error":"invalid_client","error_description":"b0dy"}"#),
    ];
    for refused in refused {
        let is_forbidden = refused.contains("403");
        let (error, text) = error(refused).await;
        assert!(matches!(error, IntrospectionError::OurCredentials { .. }), "{error:?}");
        assert!(text.ends_with("so the endpoint refuses the credentials of this server"), "{text}");
        // One token may be what a firewall forbids.
        assert_eq!(error.is_outage(), !is_forbidden);
    }
    for other in [r#"{"error":"invalid_request"}"#, r#"["invalid_client"]"#, "invalid_client", ""] {
        let (error, _) = error(answer("400 Bad Request", "application/json", other)).await;
        assert!(matches!(error, IntrospectionError::Status { status: StatusCode::BAD_REQUEST, .. }), "{error:?}");
    }
}

/// RFC 7009 §2.2.1. The endpoint has understood the request, so this is about the token.
#[tokio::test]
async fn a_token_of_an_unsupported_type_is_not_active() {
    let refused = r#"{"error":"unsupported_token_type","error_description":"b0dy"}"#;
    for form in [|endpoint: Endpoint| endpoint, Endpoint::signed_answers] {
        let stub = Stub::answering(answer("400 Bad Request", "application/json", refused));
        let answer = form(endpoint(&stub, basic())).ask("t0ken", &MovedClock::new()).await.unwrap();
        let Answer::Json(body) = answer else { panic!("{answer:?}") };
        assert_eq!(body, br#"{"active":false}"#);
    }
    for other in ["401 Unauthorized", "404 Not Found", "500 Internal Server Error"] {
        error(answer(other, "application/json", refused)).await;
    }
}

#[tokio::test]
async fn a_content_type_other_than_the_wanted_one_is_an_error() {
    let html = answer("200 OK", "text/html; charset=utf-8", "<html>b0dy");
    let (_, text) = error(html).await;
    assert_eq!(text, r#"URL: expected the content type application/json, and found "text/html; charset=utf-8""#);
    let (_, text) = error("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
    assert_eq!(text, "URL: expected the content type application/json, and found none");
    let (_, text) = error(answer("200 OK", "application/token-introspection+jwt", "b0dy")).await;
    assert_eq!(
        text,
        r#"URL: expected the content type application/json, and found "application/token-introspection+jwt""#
    );
    let two =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\n{}";
    assert!(matches!(error(two).await.0, IntrospectionError::ContentType { .. }));
    for good in ["application/json", "Application/JSON", "application/json;charset=UTF-8", "application/json ; a=b"] {
        let stub = Stub::answering(answer("200 OK", good, "{}"));
        assert_eq!(json(endpoint(&stub, basic()).ask("t", &MovedClock::new()).await), "{}", "{good}");
    }
}

/// Row N7.
#[tokio::test]
async fn plain_json_is_refused_where_signed_answers_are_wanted() {
    let stub = Stub::answering(ok("{}"));
    let (_, text) = error_of(&stub, endpoint(&stub, basic()).signed_answers()).await;
    let expected =
        r#"URL: expected the content type application/token-introspection+jwt, and found "application/json""#;
    assert_eq!(text, expected);
    let stub = Stub::answering(answer("200 OK", "Application/Token-Introspection+JWT", "a.b.c"));
    let answer = endpoint(&stub, basic()).signed_answers().ask("t", &MovedClock::new()).await;
    assert!(matches!(answer, Ok(Answer::Signed(body)) if body == b"a.b.c"));
}

/// The default client does not follow it. Another one may, and then sends the body to nobody.
#[tokio::test]
async fn a_redirect_takes_neither_the_token_nor_the_secret_elsewhere() {
    for status in [301, 302, 303, 307, 308] {
        for has_own_client in [false, true] {
            let elsewhere = Stub::answering(ok(r#"{"active":true}"#));
            // Another host by name, so that it is another origin also for cookies and credentials.
            let to = elsewhere.url("/introspect").replace("127.0.0.1", "localhost");
            let stub = Stub::answering(format!("HTTP/1.1 {status} X\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"));
            for authentication in
                [basic(), ClientAuthentication::client_secret_post("shop", Secret::new("gX1fBat3bV").unwrap()).unwrap()]
            {
                let mut endpoint = endpoint(&stub, authentication);
                if has_own_client {
                    endpoint = endpoint.client(reqwest::Client::new());
                }
                let (error, text) = error_of(&stub, endpoint).await;
                assert!(matches!(error, IntrospectionError::Redirected { .. }), "{error:?}");
                assert_eq!(text, "URL: answered with a redirect, which is not followed");
                for request in elsewhere.requests() {
                    assert!(has_own_client, "{request}");
                    for hidden in ["t0ken", "gX1fBat3bV", "authorization"] {
                        assert!(!request.contains(hidden), "{request}");
                    }
                }
            }
        }
    }
}

/// A redirect to the same host is not followed either: the path is what the operator has checked.
#[tokio::test]
async fn a_redirect_within_the_endpoints_host_is_not_followed() {
    let stub = Stub::start(|exchange| match exchange.path() {
        "/introspect" => exchange.send("HTTP/1.1 302 X\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n"),
        _ => exchange.send(&ok(r#"{"active":true}"#)),
    });
    let (error, _) = error_of(&stub, endpoint(&stub, basic())).await;
    assert!(matches!(error, IntrospectionError::Redirected { .. }), "{error:?}");
    assert_eq!(stub.requests().len(), 1);
    let own = endpoint(&stub, basic()).client(reqwest::Client::new());
    let (error, _) = error_of(&stub, own).await;
    assert!(matches!(error, IntrospectionError::Redirected { .. }), "{error:?}");
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/introspect?key=b0dy", listener.local_addr().unwrap());
    drop(listener);
    let endpoint = Endpoint::at(&url, ISSUER, basic(), Encryption::Required).unwrap();
    let error = endpoint.ask("t0ken", &MovedClock::new()).await.unwrap_err();
    assert!(matches!(error, IntrospectionError::Connect { .. }) && error.is_outage(), "{error:?}");
    assert!(error.to_string().starts_with(&url.replace("b0dy", "…")), "{error}");
}

#[tokio::test]
async fn an_answer_that_never_comes_or_drips_is_cut_at_the_time_limit() {
    // Both end at some time, so that a missing limit fails and does not hang.
    let end = Duration::from_secs(6);
    let silent = Stub::start(move |exchange| {
        thread::sleep(end);
        exchange.close();
    });
    let drip = Stub::start(move |exchange| {
        exchange.send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n");
        let interval = Duration::from_millis(20);
        for _ in 0..end.as_millis() / interval.as_millis() {
            exchange.try_send(b" ");
            thread::sleep(interval);
        }
        exchange.close();
    });
    let (connect, total) = (Duration::from_millis(50), Duration::from_millis(200));
    for stub in [silent, drip] {
        let start = Instant::now();
        let endpoint = endpoint(&stub, basic()).timeouts(connect, total).unwrap();
        let (error, text) = error_of(&stub, endpoint).await;
        assert!(matches!(error, IntrospectionError::Timeout { .. }) && error.is_outage(), "{error:?}");
        assert_eq!(text, "URL: no complete answer within 200ms");
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    }
    let error = endpoint(&Stub::answering(""), basic()).timeouts(Duration::ZERO, total).unwrap_err();
    assert!(error.to_string().contains("expected 100ms to 9s in total"), "{error}");
}

#[tokio::test]
async fn a_large_answer_is_cut() {
    let largest = " ".repeat(256 * 1024 - 2) + "{}";
    let stub = Stub::answering(ok(&largest));
    assert_eq!(json(endpoint(&stub, basic()).ask("t", &MovedClock::new()).await).len(), 256 * 1024);
    let (error, text) = error(ok(&(largest + " "))).await;
    assert!(matches!(error, IntrospectionError::TooLarge { .. }), "{error:?}");
    assert_eq!(text, "URL: the answer is larger than 256 KiB");

    // Without a length, 10 MB.
    let (sender, sent) = mpsc::channel();
    let sender = Arc::new(Mutex::new(sender));
    let stub = Stub::start(move |exchange| {
        exchange.send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n");
        let chunk = vec![b' '; 64 * 1024];
        let chunks = (0..160).take_while(|_| exchange.try_send(&chunk)).count();
        exchange.close();
        sender.lock().unwrap().send(chunks).unwrap();
    });
    let (error, _) = error_of(&stub, endpoint(&stub, basic())).await;
    assert!(matches!(error, IntrospectionError::TooLarge { .. }), "{error:?}");
    let chunks =
        tokio::task::spawn_blocking(move || sent.recv_timeout(Duration::from_secs(10)).unwrap()).await.unwrap();
    assert!(chunks < 160, "all was read");
}

#[tokio::test]
async fn what_is_not_http_is_an_error() {
    for answer in ["b0dy\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"] {
        let answer = answer.to_owned();
        let stub = Stub::start(move |exchange| {
            exchange.send(&answer);
            exchange.close();
        });
        let (error, _) = error_of(&stub, endpoint(&stub, basic())).await;
        assert!(matches!(error, IntrospectionError::Request { .. }) && !error.is_outage(), "{error:?}");
    }
}

/// oidc-provider refuses every JWT in this way.
#[tokio::test]
async fn a_token_of_a_type_that_the_endpoint_does_not_support_is_not_active() {
    let refused = answer("400 Bad Request", "application/json", r#"{"error":"unsupported_token_type"}"#);
    for endpoint in [endpoint, |stub: &Stub, client| super::endpoint(stub, client).signed_answers()] {
        let stub = Stub::answering(refused.clone());
        let answered = endpoint(&stub, basic()).ask("t", &MovedClock::new()).await.unwrap();
        assert!(matches!(answered, Answer::Json(body) if body == br#"{"active":false}"#));
    }
}
