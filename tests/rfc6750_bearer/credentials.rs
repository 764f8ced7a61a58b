//! How a token travels: the `Authorization` field and nothing else.

use super::{authorize, request, serve_defaults, transmit};
use crate::harness::challenge::Challenge;
use crate::harness::serve::serve;
use crate::harness::{ISSUER, app, good, send, server};

/// Row A1.
#[tokio::test]
async fn a_bearer_token_in_the_authorization_field_is_accepted() {
    let address = serve_defaults().await;
    let reply = request(address, "/me", &[format!("Authorization: Bearer {}", good(&ISSUER).sign()).as_bytes()]).await;
    reply.answer().assert_ok();
    assert!(reply.0.ends_with(b"\r\n\r\nuser-1"));
}

/// Row A2.
#[tokio::test]
async fn the_scheme_is_case_insensitive() {
    let (address, token) = (serve_defaults().await, good(&ISSUER).sign());
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        authorize(address, format!("{scheme} {token}")).await.assert_ok();
    }
}

/// Row A3.
#[tokio::test]
async fn the_separator_is_one_or_more_spaces_and_no_tab() {
    let (address, token) = (serve_defaults().await, good(&ISSUER).sign());
    for spaces in [" ", "  ", "          "] {
        authorize(address, format!("Bearer{spaces}{token}")).await.assert_ok();
    }
    for other in ["\t", " \t", "\t ", " \t "] {
        authorize(address, format!("Bearer{other}{token}")).await.assert_invalid_request();
    }
}

/// Row A4.
#[tokio::test]
async fn white_space_around_the_field_value_is_ignored() {
    let (api, token) = (app(&server(&ISSUER)), good(&ISSUER).sign());
    let address = serve(api.clone()).await;
    for (before, after) in [("", ""), ("   ", ""), ("", " \t"), ("\t", "\t"), (" \t ", "   ")] {
        let value = format!("{before}Bearer {token}{after}");
        authorize(address, &value).await.assert_ok();
        // hyper trims before the layer sees the value; another server may not.
        send(&api, "/me", [value.as_bytes()]).await.assert_ok();
    }
}

/// Row A5.
#[tokio::test]
async fn credentials_are_exactly_one_b64token() {
    let api = app(&server(&ISSUER));
    let (address, token) = (serve(api.clone()).await, good(&ISSUER).sign());
    let t = token.as_bytes();
    // Around a good token, so that a parser that repairs one of them would accept it.
    let malformed: [&[&[u8]]; 26] = [
        &[b"Bearer ", t, b", Bearer ", t],
        &[b"Bearer ", t, b",Bearer ", t],
        &[b"Bearer ", t, b" Bearer ", t],
        &[b"Bearer Bearer ", t],
        &[b"Bearer ", t, b" x"],
        &[b"Bearer ", t, b"\tx"],
        &[b"Bearer ", t, b","],
        &[b"Bearer ", t, b";"],
        &[b"Bearer ,", t],
        &[b"Bearer,", t],
        &[b"Bearer=", t],
        &[b"Bearer:", t],
        &[b"Bearer/", t],
        &[b"Bearer \"", t, b"\""],
        &[b"Bearer '", t, b"'"],
        &[b"Bearer <", t, b">"],
        &[b"Bearer token=\"", t, b"\""],
        &[b"Bearer token=", t],
        &[b"Bearer =", t],
        &[b"\"Bearer\" ", t],
        &[b"Bearer\xa0", t],
        &[b"Bearer\xc2\xa0", t],
        &[b"Bearer \xa0", t],
        &[b"Bearer ", t, b"\xff"],
        &[b"Bearer ", t, b"%"],
        &[b", Bearer ", t],
    ];
    for value in malformed {
        let value = value.concat();
        eprintln!("{}", value.escape_ascii());
        authorize(address, &value).await.assert_invalid_request();
        send(&api, "/me", [&*value]).await.assert_invalid_request();
    }
    // Within the grammar of a b64token, and no JWT.
    for tail in ["=", "==", "~", "+", "/"] {
        authorize(address, format!("Bearer {token}{tail}")).await.assert_invalid_token();
    }
    authorize(address, format!("Bearer {token}")).await.assert_ok();
}

/// Row A6.
#[tokio::test]
async fn a_scheme_without_a_token_is_malformed() {
    let api = app(&server(&ISSUER));
    let address = serve(api.clone()).await;
    for value in ["Bearer", "bearer", "Bearer ", "Bearer    ", "Bearer \t", "Bearer =", "Bearer ==", "", " "] {
        authorize(address, value).await.assert_invalid_request();
        send(&api, "/me", [value.as_bytes()]).await.assert_invalid_request();
    }
}

/// Row A7.
#[tokio::test]
async fn a_request_without_credentials_gets_a_challenge_without_error() {
    let address = serve_defaults().await;
    for path in ["/me", "/any"] {
        let answer = request(address, path, &[]).await.answer();
        answer.assert_bare();
        let challenge = Challenge::of(&answer);
        assert!(challenge.parameters.iter().all(|(name, _)| !name.starts_with("error")), "{challenge:?}");
    }
}

/// Row A8.
#[tokio::test]
async fn another_scheme_counts_as_no_credentials() {
    let (address, token) = (serve_defaults().await, good(&ISSUER).sign());
    for scheme in
        ["Basic", "Digest", "Negotiate", "DPoP", "Token", "JWT", "Bearers", "Bearer2", "Bearer-Token", "XBearer"]
    {
        authorize(address, format!("{scheme} {token}")).await.assert_bare();
        authorize(address, scheme).await.assert_bare();
    }
    authorize(address, format!("Digest username=\"Bearer {token}\"")).await.assert_bare();
}

/// Row A9.
#[tokio::test]
async fn more_than_one_authorization_field_is_malformed() {
    let api = app(&server(&ISSUER));
    let address = serve(api.clone()).await;
    let good = format!("Bearer {}", good(&ISSUER).sign());
    for other in [&*good, "Bearer x", "Bearer", "Basic dTpw", "DPoP x", "", "\u{e9}"] {
        for pair in [[&*good, other], [other, &*good], [other, other]] {
            let lines = pair.map(|value| format!("Authorization: {value}"));
            request(address, "/me", &lines.each_ref().map(String::as_bytes)).await.answer().assert_invalid_request();
            send(&api, "/me", pair.map(str::as_bytes)).await.assert_invalid_request();
        }
    }
    // A field name has no case.
    let lines = ["Authorization", "AUTHORIZATION", "authorization"].map(|name| format!("{name}: {good}"));
    request(address, "/me", &lines.each_ref().map(String::as_bytes)).await.answer().assert_invalid_request();
}

/// Row A10.
#[tokio::test]
async fn a_query_token_beside_the_header_is_ignored() {
    let (address, token) = (serve_defaults().await, good(&ISSUER).sign());
    let authorization = format!("Authorization: Bearer {token}");
    for query in ["x", &*token] {
        let target = format!("/me?access_token={query}");
        request(address, &target, &[authorization.as_bytes()]).await.answer().assert_ok();
        request(address, &target, &[b"Authorization: Bearer x"]).await.answer().assert_invalid_token();
        request(address, &target, &[b"Authorization: Bearer"]).await.answer().assert_invalid_request();
    }
}

/// Row A11.
#[tokio::test]
async fn a_query_token_is_ignored_by_default() {
    let (address, token) = (serve_defaults().await, good(&ISSUER).sign());
    for name in ["access_token", "token", "bearer_token", "authorization", "Authorization"] {
        request(address, &format!("/me?{name}={token}"), &[]).await.answer().assert_bare();
        request(address, &format!("/me?{name}=Bearer%20{token}"), &[]).await.answer().assert_bare();
    }
}

/// Row A12.
#[tokio::test]
async fn a_body_token_is_ignored() {
    let (address, token) = (serve_defaults().await, good(&ISSUER).sign());
    let body = format!("access_token={token}");
    for method in ["GET", "POST", "PUT"] {
        let request = format!(
            "{method} /me HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        transmit(address, request.as_bytes()).await.answer().assert_bare();
    }
}

/// Row A13.
#[tokio::test]
async fn tokens_in_other_fields_are_ignored() {
    let (address, token) = (serve_defaults().await, good(&ISSUER).sign());
    for field in [
        format!("Cookie: access_token={token}; Authorization=Bearer {token}; token={token}"),
        format!("Proxy-Authorization: Bearer {token}"),
        format!("X-Authorization: Bearer {token}"),
        format!("X-Forwarded-Authorization: Bearer {token}"),
        format!("X-Original-Authorization: Bearer {token}"),
        format!("X-Forwarded-Access-Token: {token}"),
        format!("X-Access-Token: {token}"),
        format!("X-Auth-Token: {token}"),
        format!("Authentication: Bearer {token}"),
        format!("DPoP: {token}"),
        format!("Sec-WebSocket-Protocol: bearer, {token}"),
    ] {
        request(address, "/me", &[field.as_bytes()]).await.answer().assert_bare();
    }
}

/// Row B5.
#[tokio::test]
async fn smuggled_fields_never_reach_the_resource() {
    let address = serve_defaults().await;
    let token = good(&ISSUER).sign();
    let t = token.as_bytes();
    let (head, tail) = t.split_at(t.len() / 2);
    let smuggled: [&[&[u8]]; 13] = [
        &[b"Authorization: Bearer ", t, b"\0"],
        &[b"Authorization: Bearer ", head, b"\0", tail],
        &[b"Authorization: Bearer \0", t],
        &[b"Authorization: Bearer ", head, b"\r", tail],
        &[b"Authorization: Bearer\r", t],
        &[b"Authorization: Bearer ", head, b"\n", tail],
        &[b"Authorization: Bearer\n ", t],
        &[b"Authorization : Bearer ", t],
        &[b"Authorization\t: Bearer ", t],
        &[b" Authorization: Bearer ", t],
        &[b"Authorization: Bearer\r\n ", t],
        &[b"Authorization:\r\n\tBearer ", t],
        &[b"Authorization: Bearer ", head, b"\r\n ", tail],
    ];
    for line in smuggled {
        let line = line.concat();
        let reply = request(address, "/me", &[b"X-First: 1", &*line]).await;
        assert!(reply.is_bad_request_or_closed(), "{}: {}", line.escape_ascii(), reply.0.escape_ascii());
    }
    authorize(address, format!("Bearer {token}")).await.assert_ok();
}

/// Row B8.
#[tokio::test]
async fn a_megabyte_of_authorization_is_refused() {
    let address = serve_defaults().await;
    let long = "a".repeat(1 << 20);
    for value in [format!("Bearer {long}"), format!("Bearer {long}.{long}.{long}"), long] {
        let line = format!("Authorization: {value}");
        let status = request(address, "/me", &[line.as_bytes()]).await.answer().status.as_u16();
        assert!([431, 400, 401].contains(&status), "{status}");
        authorize(address, format!("Bearer {}", good(&ISSUER).sign())).await.assert_ok();
    }
    // As much as hyper lets through.
    authorize(address, format!("Bearer {}", "a".repeat(100_000))).await.assert_invalid_token();
}
