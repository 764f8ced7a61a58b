//! Tokens in a header, a cookie, a WebSocket subprotocol and the query, beside `Authorization`: any of them, with any bytes.
//!
//! - Nothing panics, and the status is 200, 400, 401 or 503.
//! - It is 200 if and only if one place alone presents a token, once, and it is the good one.
//! - For a layer that takes tokens only from the header, the others are no places.

use std::sync::{LazyLock, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, COOKIE, HeaderName, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderValue, Request, Uri};
use tokio::runtime::Runtime;
use tower_bearer::credentials::TokenSource;
use tower_bearer::layer::ProtectLayer;

use crate::lines::{GOOD, lines};
use crate::requests::answer;
use crate::world::{Moment, runtime, server};

static TOKEN: HeaderName = HeaderName::from_static("x-token");

/// The prefix of a subprotocol that holds a token in base64url.
const ENCODED: &str = "base64url.bearer.authorization.k8s.io";

struct World {
    runtime: Runtime,
    /// Reads every place.
    every: ProtectLayer,
    /// Reads the header alone.
    only: ProtectLayer,
}

static WORLD: LazyLock<Mutex<World>> = LazyLock::new(|| {
    let runtime = runtime();
    let server = runtime.block_on(async { server(Moment) });
    let every = server
        .layer()
        .token_from(TokenSource::header(TOKEN.clone()))
        .token_from(TokenSource::cookie("token"))
        .token_from(TokenSource::websocket_protocol("bearer"))
        .token_from(TokenSource::websocket_protocol_after("bearer"))
        .token_from(TokenSource::websocket_protocol_base64url(ENCODED))
        .token_from(TokenSource::query());
    let only = server.layer().token_from(TokenSource::query()).token_only_from(TokenSource::header(TOKEN.clone()));
    Mutex::new(World { runtime, every, only })
});

/// What a place holds: a token, or something that is taken for one and is none.
#[derive(Debug, PartialEq, Eq)]
enum Presented {
    Good,
    Other,
}

/// The first character of a line tells where the rest goes: `a`uthorization, `x`-token, `c`ookie, `w`ebsocket subprotocols or
/// `q`uery, of which there is one. Tokens are in the place of [their names](crate::lines).
pub fn run(input: &[u8]) {
    let mut request = Request::new(());
    let (mut presented, mut in_header) = (Vec::new(), Vec::new());
    let mut protocols = Vec::new();
    let mut authorizations = 0;
    let mut query = None;
    for line in lines(input) {
        let Some((place, rest)) = line.split_first() else { continue };
        let Ok(value) = HeaderValue::from_bytes(rest) else { continue };
        let bytes = trimmed(rest);
        let name = match place {
            b'a' => {
                authorizations += 1;
                presented.extend(in_authorization(bytes));
                &AUTHORIZATION
            }
            b'x' => {
                in_header.push(whether_good(bytes));
                &TOKEN
            }
            b'c' => {
                presented.extend(rest.split(|byte| *byte == b';').filter_map(in_cookie));
                &COOKIE
            }
            b'w' => {
                let elements = rest.split(|byte| *byte == b',').map(trimmed).filter(|element| !element.is_empty());
                protocols.extend(elements.map(<[u8]>::to_vec));
                &SEC_WEBSOCKET_PROTOCOL
            }
            b'q' => {
                query = query.or_else(|| Uri::try_from([b"/?", rest].concat()).ok());
                continue;
            }
            _ => continue,
        };
        request.headers_mut().append(name, value);
    }
    if let Some(uri) = query {
        presented.extend(uri.query().unwrap_or_default().split('&').filter_map(in_query));
        *request.uri_mut() = uri;
    }
    presented.extend(in_subprotocols(&protocols));
    let World { runtime, every, only } = &*WORLD.lock().unwrap_or_else(PoisonError::into_inner);
    let check = |layer: &ProtectLayer, presented: &[Presented], is_ambiguous: bool| {
        let status = runtime.block_on(answer(layer.clone(), request.clone()));
        let is_good = presented == [Presented::Good] && !is_ambiguous;
        assert_eq!(status == 200, is_good, "{status} for {presented:?} in {:?}", input.escape_ascii().to_string());
        if presented.len() > 1 || is_ambiguous {
            assert_eq!(status, 400, "{presented:?} in {:?}", input.escape_ascii().to_string());
        }
    };
    check(only, &in_header, false);
    presented.extend(in_header);
    check(every, &presented, authorizations > 1);
}

fn whether_good(bytes: &[u8]) -> Presented {
    if bytes == GOOD.as_bytes() { Presented::Good } else { Presented::Other }
}

/// Credentials of another scheme are none; what has no scheme at all is malformed.
fn in_authorization(bytes: &[u8]) -> Option<Presented> {
    let is_tchar = |byte: &&u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let (scheme, rest) = bytes.split_at(bytes.iter().take_while(is_tchar).count());
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    match scheme {
        [] => Some(Presented::Other),
        bearer if bearer.eq_ignore_ascii_case(b"bearer") && spaces > 0 => Some(whether_good(&rest[spaces..])),
        bearer if bearer.eq_ignore_ascii_case(b"bearer") => Some(Presented::Other),
        _ => None,
    }
}

fn in_cookie(pair: &[u8]) -> Option<Presented> {
    let value = trimmed(pair).strip_prefix(b"token=")?;
    (!value.is_empty()).then(|| whether_good(value))
}

/// Each of the three forms by itself: one subprotocol may be a token in two of them.
fn in_subprotocols(protocols: &[Vec<u8>]) -> Vec<Presented> {
    let mut presented = Vec::new();
    for (at, protocol) in protocols.iter().enumerate() {
        presented.extend(protocol.strip_prefix(b"bearer.").map(whether_good));
        if protocol == b"bearer" {
            presented.push(protocols.get(at + 1).map_or(Presented::Other, |next| whether_good(next)));
        }
        if let Some((prefix, text)) = protocol.split_at_checked(ENCODED.len() + 1)
            && prefix == format!("{ENCODED}.").as_bytes()
        {
            // There is one spelling only.
            let is_good = text == URL_SAFE_NO_PAD.encode(&*GOOD).as_bytes();
            presented.push(if is_good { Presented::Good } else { Presented::Other });
        }
    }
    presented
}

/// `application/x-www-form-urlencoded`: `+` is a space, `%` and two digits a byte.
fn in_query(pair: &str) -> Option<Presented> {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    (decoded(name) == b"access_token").then(|| whether_good(&decoded(value)))
}

fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match after {
            [high, low, ..] if *first == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        if let Some((high, low)) = escaped {
            bytes.push(high << 4 | low);
            rest = &after[2..];
        } else {
            bytes.push(if *first == b'+' { b' ' } else { *first });
            rest = after;
        }
    }
    bytes
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let is_space = |byte: &&u8| matches!(byte, b' ' | b'\t');
    let start = bytes.iter().take_while(is_space).count();
    let end = bytes[start..].iter().rev().take_while(is_space).count();
    &bytes[start..bytes.len() - end]
}
