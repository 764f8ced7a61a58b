//! Tokens in a header, a cookie, a WebSocket subprotocol and the query, beside `Authorization`: any of them, with any bytes.
//!
//! - Nothing panics, and the status is 200, 400, 401 or 503.
//! - It is 200 if and only if one place alone presents a token, once, and it is the good one.

use std::sync::{LazyLock, Mutex, PoisonError};

use http::header::{AUTHORIZATION, COOKIE, HeaderName, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderValue, Request, Uri};
use tokio::runtime::Runtime;
use tower_bearer::credentials::TokenSource;
use tower_bearer::layer::ProtectLayer;

use crate::lines::{GOOD, lines};
use crate::requests::answer;
use crate::world::{Moment, runtime, server};

static TOKEN: HeaderName = HeaderName::from_static("x-token");

struct World {
    runtime: Runtime,
    layer: ProtectLayer,
}

static WORLD: LazyLock<Mutex<World>> = LazyLock::new(|| {
    let runtime = runtime();
    let server = runtime.block_on(async { server(Moment) });
    let layer = server
        .layer()
        .token_from(TokenSource::header(TOKEN.clone()))
        .token_from(TokenSource::cookie("token"))
        .token_from(TokenSource::websocket_protocol("bearer"))
        .token_from(TokenSource::query());
    Mutex::new(World { runtime, layer })
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
    let mut presented = Vec::new();
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
                presented.push(whether_good(bytes));
                &TOKEN
            }
            b'c' => {
                presented.extend(rest.split(|byte| *byte == b';').filter_map(in_cookie));
                &COOKIE
            }
            b'w' => {
                presented.extend(rest.split(|byte| *byte == b',').filter_map(in_subprotocol));
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
    let World { runtime, layer } = &*WORLD.lock().unwrap_or_else(PoisonError::into_inner);
    let status = runtime.block_on(answer(layer.clone(), request));
    let is_good = presented == [Presented::Good] && authorizations <= 1;
    assert_eq!(status == 200, is_good, "{status} for {presented:?} in {:?}", input.escape_ascii().to_string());
    if presented.len() > 1 || authorizations > 1 {
        assert_eq!(status, 400, "{presented:?} in {:?}", input.escape_ascii().to_string());
    }
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

fn in_subprotocol(protocol: &[u8]) -> Option<Presented> {
    trimmed(protocol).strip_prefix(b"bearer.").map(whether_good)
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
