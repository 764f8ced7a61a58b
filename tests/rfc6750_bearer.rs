//! How a token travels and what a refused client is told: RFC 6750, and RFC 9110 §11 where it leans on that.
//!
//! Most of it goes over a real socket, octet for octet, because that is where an attacker writes. What hyper trims or
//! refuses before the layer sees it also goes through the layer alone.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower_bearer::{Require, ResourceServer};

use crate::harness::{AUDIENCE, Answer, ISSUER, app, builder_with_keys, good, present, send, server};

/// Serves on a free port for as long as the test's runtime lives.
async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

async fn serve_defaults() -> SocketAddr {
    serve(app(&server(&ISSUER))).await
}

/// All that came back before the connection closed, which may be nothing.
struct Reply(Vec<u8>);

impl Reply {
    /// Reads the head by hand, so that no library's leniency is between us and the wire.
    fn answer(&self) -> Answer {
        let end = self.0.windows(4).position(|window| window == b"\r\n\r\n").expect("a complete head");
        let mut lines = std::str::from_utf8(&self.0[..end]).unwrap().split("\r\n");
        let status = lines.next().unwrap().strip_prefix("HTTP/1.1 ").unwrap()[..3].parse().unwrap();
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").expect("a field line");
            headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        }
        Answer { status, headers }
    }

    /// Whether hyper would not have it.
    fn is_bad_request_or_closed(&self) -> bool {
        self.0.is_empty() || self.answer().status == StatusCode::BAD_REQUEST
    }
}

/// Sends a request as it stands. A server that closes early is no error here.
async fn transmit(address: SocketAddr, request: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let mut reply = Vec::new();
    let (_, _) = tokio::join!(writer.write_all(request), reader.read_to_end(&mut reply));
    Reply(reply)
}

/// Sends `GET target` with these field lines.
async fn request(address: SocketAddr, target: &str, lines: &[&[u8]]) -> Reply {
    let start = format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    let fields: Vec<u8> = lines.iter().flat_map(|line| [line, b"\r\n".as_slice()].concat()).collect();
    transmit(address, &[start.as_bytes(), &fields, b"\r\n"].concat()).await
}

/// Sends `GET /me` with this `Authorization`.
async fn authorize(address: SocketAddr, value: impl AsRef<[u8]>) -> Answer {
    request(address, "/me", &[&[b"Authorization: ", value.as_ref()].concat()]).await.answer()
}

/// One challenge, read by nothing but the grammar (RFC 9110 §11.2, §11.3): a scheme, then parameters, each with its
/// value as a quoted-string, which a recipient need not expect to see in any other form.
#[derive(Debug, PartialEq)]
pub(crate) struct Challenge {
    pub(crate) scheme: String,
    pub(crate) parameters: Vec<(String, String)>,
}

impl Challenge {
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut rest = text.chars().peekable();
        let token = |rest: &mut std::iter::Peekable<std::str::Chars<'_>>| {
            let is_tchar = |c: &char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(*c);
            let token: String = std::iter::from_fn(|| rest.next_if(is_tchar)).collect();
            if token.is_empty() { Err("a token is missing") } else { Ok(token) }
        };
        let scheme = token(&mut rest)?;
        rest.next_if_eq(&' ').ok_or("no parameter")?;
        let mut parameters: Vec<(String, String)> = Vec::new();
        loop {
            let name = token(&mut rest)?.to_ascii_lowercase();
            if parameters.iter().any(|(other, _)| *other == name) {
                return Err("a parameter twice");
            }
            if (rest.next(), rest.next()) != (Some('='), Some('"')) {
                return Err("no quoted value");
            }
            let mut value = String::new();
            loop {
                match rest.next().ok_or("no closing quote")? {
                    '"' => break,
                    '\\' => value.push(rest.next().ok_or("nothing escaped")?),
                    c @ ('\t' | ' '..='~') => value.push(c),
                    _ => return Err("a character that may not stand in a quoted-string"),
                }
            }
            parameters.push((name, value));
            match (rest.next(), rest.next()) {
                (None, _) => return Ok(Self { scheme, parameters }),
                (Some(','), Some(' ')) => {}
                _ => return Err("no comma"),
            }
        }
    }

    /// The one challenge of a refusal.
    #[track_caller]
    fn of(answer: &Answer) -> Self {
        let mut lines = answer.headers.get_all("www-authenticate").iter();
        let challenge = Self::parse(lines.next().expect("a challenge").to_str().unwrap());
        assert_eq!(lines.next(), None);
        challenge.unwrap()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(own, _)| own == name).map(|(_, value)| &**value)
    }
}

#[test]
fn the_challenge_parser_is_strict() {
    let parsed = Challenge::parse(r#"Bearer realm="a \"b\", c=\"d\"", error="e""#).unwrap();
    assert_eq!(
        (&*parsed.scheme, parsed.get("realm"), parsed.get("error")),
        ("Bearer", Some(r#"a "b", c="d""#), Some("e"))
    );
    for bad in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer dG9rZW4=",
        "Bearer realm",
        "Bearer realm=x",
        r#"Bearer realm="x"#,
        r#"Bearer realm="x","#,
        r#"Bearer realm="x" error="y""#,
        r#"Bearer realm="x", REALM="y""#,
        r#"Bearer realm="x", Basic realm="y""#,
        "Bearer realm=\"\u{e9}\"",
        "Bearer realm=\"\0\"",
        r#" Bearer realm="x""#,
        r#"=Bearer realm="x""#,
    ] {
        assert!(Challenge::parse(bad).is_err(), "{bad:?}");
    }
}

#[tokio::test]
async fn a1_a_bearer_token_in_the_authorization_header() {
    let address = serve_defaults().await;
    let reply = request(address, "/me", &[format!("Authorization: Bearer {}", good(&ISSUER).sign()).as_bytes()]).await;
    reply.answer().assert_ok();
    assert!(reply.0.ends_with(b"\r\n\r\nuser-1"));
}

#[tokio::test]
async fn a2_the_scheme_in_any_case() {
    let (address, token) = (serve_defaults().await, good(&ISSUER).sign());
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        authorize(address, format!("{scheme} {token}")).await.assert_ok();
    }
}

#[tokio::test]
async fn a3_one_space_or_more_and_no_tab() {
    let (address, token) = (serve_defaults().await, good(&ISSUER).sign());
    for spaces in [" ", "  ", "          "] {
        authorize(address, format!("Bearer{spaces}{token}")).await.assert_ok();
    }
    for other in ["\t", " \t", "\t ", " \t "] {
        authorize(address, format!("Bearer{other}{token}")).await.assert_invalid_request();
    }
}

#[tokio::test]
async fn a4_white_space_around_the_value_is_not_part_of_it() {
    let (api, token) = (app(&server(&ISSUER)), good(&ISSUER).sign());
    let address = serve(api.clone()).await;
    for (before, after) in [("", ""), ("   ", ""), ("", " \t"), ("\t", "\t"), (" \t ", "   ")] {
        let value = format!("{before}Bearer {token}{after}");
        authorize(address, &value).await.assert_ok();
        // hyper trims before the layer sees the value; another server may not.
        send(&api, "/me", [value.as_bytes()]).await.assert_ok();
    }
}

#[tokio::test]
async fn a5_exactly_one_b64token_and_nothing_is_repaired() {
    let api = app(&server(&ISSUER));
    let (address, token) = (serve(api.clone()).await, good(&ISSUER).sign());
    let t = token.as_bytes();
    // Around a good token, so that whoever repaired any of them would let it through.
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

#[tokio::test]
async fn a6_a_scheme_without_a_token_is_malformed() {
    let api = app(&server(&ISSUER));
    let address = serve(api.clone()).await;
    for value in ["Bearer", "bearer", "Bearer ", "Bearer    ", "Bearer \t", "Bearer =", "Bearer ==", "", " "] {
        authorize(address, value).await.assert_invalid_request();
        send(&api, "/me", [value.as_bytes()]).await.assert_invalid_request();
    }
}

#[tokio::test]
async fn a7_no_credentials_get_a_challenge_without_an_error() {
    let address = serve_defaults().await;
    for path in ["/me", "/any"] {
        let answer = request(address, path, &[]).await.answer();
        answer.assert_bare();
        let challenge = Challenge::of(&answer);
        assert!(challenge.parameters.iter().all(|(name, _)| !name.starts_with("error")), "{challenge:?}");
    }
}

#[tokio::test]
async fn a8_another_scheme_is_no_bearer_token() {
    let (address, token) = (serve_defaults().await, good(&ISSUER).sign());
    for scheme in
        ["Basic", "Digest", "Negotiate", "DPoP", "Token", "JWT", "Bearers", "Bearer2", "Bearer-Token", "XBearer"]
    {
        authorize(address, format!("{scheme} {token}")).await.assert_bare();
        authorize(address, scheme).await.assert_bare();
    }
    authorize(address, format!("Digest username=\"Bearer {token}\"")).await.assert_bare();
}

#[tokio::test]
async fn a9_authorization_is_a_singleton() {
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

#[tokio::test]
async fn a10_a_query_beside_the_header_counts_for_nothing() {
    let (address, token) = (serve_defaults().await, good(&ISSUER).sign());
    let authorization = format!("Authorization: Bearer {token}");
    for query in ["x", &*token] {
        let target = format!("/me?access_token={query}");
        request(address, &target, &[authorization.as_bytes()]).await.answer().assert_ok();
        request(address, &target, &[b"Authorization: Bearer x"]).await.answer().assert_invalid_token();
        request(address, &target, &[b"Authorization: Bearer"]).await.answer().assert_invalid_request();
    }
}

#[tokio::test]
async fn a11_no_token_from_the_query() {
    let (address, token) = (serve_defaults().await, good(&ISSUER).sign());
    for name in ["access_token", "token", "bearer_token", "authorization", "Authorization"] {
        request(address, &format!("/me?{name}={token}"), &[]).await.answer().assert_bare();
        request(address, &format!("/me?{name}=Bearer%20{token}"), &[]).await.answer().assert_bare();
    }
}

#[tokio::test]
async fn a12_no_token_from_the_body() {
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

#[tokio::test]
async fn a13_no_token_from_any_other_field() {
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

/// Every kind of refusal there is a challenge for.
async fn refusals(address: SocketAddr) -> [(Answer, Option<&'static str>); 6] {
    let expired = good(&ISSUER).expired_for(Duration::from_secs(90)).sign();
    [
        (request(address, "/me", &[]).await.answer(), None),
        (authorize(address, "Basic dTpw").await, None),
        (authorize(address, "Bearer").await, Some("invalid_request")),
        (authorize(address, "Bearer x").await, Some("invalid_token")),
        (authorize(address, format!("Bearer {expired}")).await, Some("invalid_token")),
        (
            authorize(address, format!("Bearer {}", good(&ISSUER).without_claim("scope").sign())).await,
            Some("insufficient_scope"),
        ),
    ]
}

#[tokio::test]
async fn a14_a15_b1_b2_b4_every_refusal_has_one_challenge_that_parses_strictly() {
    for (answer, error) in refusals(serve_defaults().await).await {
        let challenge = Challenge::of(&answer);
        assert_eq!(challenge.scheme, "Bearer");
        assert_eq!(challenge.get("error"), error);
        assert_eq!(challenge.get("error_description").is_some(), error.is_some());
        for (name, _) in &challenge.parameters {
            assert!(["realm", "scope", "error", "error_description", "error_uri"].contains(&&**name), "{name}");
        }
    }
}

#[tokio::test]
async fn a16_error_parameters_keep_to_their_characters() {
    for (answer, _) in refusals(serve_defaults().await).await {
        let challenge = Challenge::of(&answer);
        for name in ["error", "error_description", "scope"] {
            let allowed = |c| matches!(c, '\x20'..='\x21' | '\x23'..='\x5B' | '\x5D'..='\x7E');
            assert!(challenge.get(name).unwrap_or_default().chars().all(allowed), "{challenge:?}");
        }
    }
}

#[tokio::test]
async fn a16_nothing_of_a_token_is_reflected() {
    // Its keys never change, so that a name of a key that does not exist costs no fetch.
    let address = serve(app(&builder_with_keys(ISSUER.url(), &ISSUER.jwks()).build().unwrap())).await;
    let expected = authorize(address, "Bearer x").await;
    for text in ["\"", "\\", "x\r\nSet-Cookie: a=b", "\0", "\u{7f}", "\u{e9}\u{202e}", "\", error=\"x", "%0d%0a"] {
        let tokens = [
            good(&ISSUER).header("alg", text),
            good(&ISSUER).header("typ", text),
            good(&ISSUER).header("cty", "JWT").header(text, text),
            good(&ISSUER).header("crit", [text]),
            good(&ISSUER).claim("iss", text),
            good(&ISSUER).claim("aud", text),
            good(&ISSUER).claim("exp", text),
            good(&ISSUER).claim("token_use", text),
            good(&ISSUER).raw_payload(text),
            good(&ISSUER).raw_header(text),
        ];
        for token in tokens {
            let answer = authorize(address, format!("Bearer {}", token.sign())).await;
            answer.assert_invalid_token();
            let names = |answer: &Answer| answer.headers.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(&answer), names(&expected), "{text:?}");
        }
        // What a good token lacks is told by the requirement, not by the token.
        let scope = good(&ISSUER).scope(text).sign();
        authorize(address, format!("Bearer {scope}")).await.assert_insufficient_scope("read:me");
    }
    for kid in ["\"\\\r\nSet-Cookie: a=b\0", "\u{e9}"] {
        let token = good(&ISSUER).header("kid", kid).sign();
        authorize(address, format!("Bearer {token}")).await.assert_invalid_token();
    }
}

#[tokio::test]
async fn a17_a_bad_token_is_an_invalid_token() {
    let address = serve_defaults().await;
    let stranger = crate::harness::small_issuer();
    let good_token = good(&ISSUER).sign();
    let (input, signature) = good_token.rsplit_once('.').unwrap();
    for token in [
        good(&ISSUER).expired_for(Duration::from_secs(90)).sign(),
        good(&ISSUER).signed_by(&stranger).sign(),
        good(&stranger).sign(),
        good(&ISSUER).audience("https://other.example.test").sign(),
        input.to_owned(),
        format!("{input}."),
        format!(".{signature}"),
        "x".to_owned(),
        "..".to_owned(),
        "mF_9.B5f-4.1JqM".to_owned(),
    ] {
        authorize(address, format!("Bearer {token}")).await.assert_invalid_token();
    }
}

#[tokio::test]
async fn a18_a_good_token_without_the_scope_is_told_which() {
    let address = serve_defaults().await;
    for token in [good(&ISSUER).without_claim("scope"), good(&ISSUER).scope("write:me"), good(&ISSUER).scope("")] {
        let answer = authorize(address, format!("Bearer {}", token.sign())).await;
        answer.assert_insufficient_scope("read:me");
        assert_eq!(Challenge::of(&answer).get("scope"), Some("read:me"));
    }
}

#[tokio::test]
async fn a19_validity_outranks_scope() {
    let address = serve_defaults().await;
    let stranger = crate::harness::small_issuer();
    let powerless = good(&ISSUER).without_claim("scope");
    for bad in [
        powerless.clone().expired_for(Duration::from_secs(90)),
        powerless.clone().audience("https://other.example.test"),
        powerless.clone().signed_by(&stranger),
        powerless.clone().header("alg", "none"),
        powerless.clone().claim("cnf", serde_json::json!({ "jkt": "x" })),
        powerless.clone().without_claim("sub"),
    ] {
        authorize(address, format!("Bearer {}", bad.sign())).await.assert_invalid_token();
    }
    authorize(address, format!("Bearer {}", powerless.sign())).await.assert_insufficient_scope("read:me");
}

#[tokio::test]
async fn a20_no_response_contains_the_token() {
    let address = serve_defaults().await;
    for token in [
        good(&ISSUER).sign(),
        good(&ISSUER).without_claim("scope").sign(),
        good(&ISSUER).expired_for(Duration::from_secs(90)).sign(),
        good(&ISSUER).header("alg", "none").sign(),
    ] {
        for line in [
            format!("Authorization: Bearer {token}"),
            format!("Authorization: Bearer {token} x"),
            format!("Authorization: Basic {token}"),
        ] {
            let reply = request(address, "/me", &[line.as_bytes()]).await;
            assert!(!contains_part_of(&reply.0, &token), "{}", reply.0.escape_ascii());
        }
    }
}

#[tokio::test]
async fn a20_no_log_contains_the_token() {
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl io::Write for Log {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            io::Write::write(&mut *self.0.lock().unwrap(), octets)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    // With a single dispatcher, tracing asks whichever thread comes first whether a call site matters, and caches its
    // no.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let logging = tracing::subscriber::set_default(subscriber);
    let api = app(&server(&ISSUER));
    let tokens = [
        good(&ISSUER).sign(),
        good(&ISSUER).without_claim("scope").sign(),
        good(&ISSUER).expired_for(Duration::from_secs(90)).sign(),
        good(&ISSUER).header("kid", "unknown").sign(),
        good(&ISSUER).header("alg", "none").sign(),
        format!("{}x", good(&ISSUER).sign()),
        good(&ISSUER).raw_payload("{").sign(),
    ];
    for token in &tokens {
        present(&api, token).await;
        send(&api, "/me", [format!("Bearer {token} x").as_bytes()]).await;
    }
    drop(logging);
    let log = log.0.lock().unwrap();
    let refusals = String::from_utf8_lossy(&log).matches("request refused").count();
    // Each with something behind it, and each but the first as it is.
    assert_eq!(refusals, 2 * tokens.len() - 1, "without a log this would prove nothing");
    for token in tokens {
        assert!(!contains_part_of(&log, &token), "{}", log.escape_ascii());
    }
}

/// Whether a token's payload or signature is in there. Its header tells nothing.
fn contains_part_of(octets: &[u8], token: &str) -> bool {
    let contains = |part: &str| octets.windows(part.len()).any(|window| window == part.as_bytes());
    token.split('.').skip(1).any(contains)
}

#[tokio::test]
async fn b3_the_realm_is_quoted_whatever_it_holds() {
    for realm in ["x", "my API", r#"the "best" one"#, r"back\slash", r#"\""#, "a, b=c", ""] {
        let api = ResourceServer::builder(AUDIENCE).trust(ISSUER.issuer()).realm(realm).build().unwrap();
        let answer = request(serve(app(&api)).await, "/me", &[]).await.answer();
        assert_eq!(Challenge::of(&answer).get("realm"), Some(realm));
    }
}

#[tokio::test]
async fn b5_what_could_smuggle_a_field_never_reaches_the_resource() {
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

#[tokio::test]
async fn b6_a_protected_response_is_not_made_shareable_and_a_refusal_is_not_stored() {
    let address = serve_defaults().await;
    let answer = authorize(address, format!("Bearer {}", good(&ISSUER).sign())).await;
    answer.assert_ok();
    // How long its resource may be kept is the application's business; the layer adds nothing.
    for name in ["cache-control", "expires", "pragma", "vary"] {
        assert_eq!(answer.headers.get(name), None, "{name}");
    }
    for (answer, _) in refusals(address).await {
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn b8_a_megabyte_of_authorization_harms_nobody() {
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

#[tokio::test]
async fn h2_the_challenge_names_all_that_the_operation_needs() {
    let needs =
        |require: Require| Router::new().route("/me", get(|| async {}).layer(require)).layer(server(&ISSUER).layer());
    let token = good(&ISSUER).scope("a d").sign();
    let cases = [
        (Require::scope("a b c"), "a b c"),
        (Require::any_scope(["b c", "e"]), "b c"),
        (Require::scope("!#$%&'()*+,-./:;<=>?@[]^_`{|}~"), "!#$%&'()*+,-./:;<=>?@[]^_`{|}~"),
    ];
    for (require, scope) in cases {
        let answer = present(&needs(require), &token).await;
        answer.assert_insufficient_scope(scope);
        assert_eq!(Challenge::of(&answer).get("scope"), Some(scope));
    }
    present(&needs(Require::any_scope(["b c", "d a"])), &token).await.assert_ok();
}
