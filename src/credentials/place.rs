use std::borrow::Cow;

use http::header::{COOKIE, HeaderName, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, Uri};
use url::form_urlencoded;

use super::authorization::{MalformedCredentials, Scheme, is_b64token, trim};
use super::request_view::RequestView;
use crate::jose::decode_base64url;

/// A token in another place than `Authorization` counts as one of the scheme `Bearer`.
const MALFORMED: MalformedCredentials = MalformedCredentials { used: Scheme::Bearer };

/// Where a token is, beside the `Authorization` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The value of this header.
    Header(HeaderName),
    /// The value of the cookie of this name.
    Cookie(Box<str>),
    /// The rest of the WebSocket subprotocol that starts with this.
    WebSocketProtocol(Box<str>),
    /// The WebSocket subprotocol after the one of this name.
    WebSocketProtocolAfter(Box<str>),
    /// The rest of the WebSocket subprotocol that starts with this, in base64url.
    WebSocketProtocolBase64url(Box<str>),
    /// The parameter `access_token` of the query.
    Query,
}

impl Place {
    /// The token in this place, if there is one. Two of them, or one that is no b64token (RFC 6750 §2.1), are malformed.
    pub(super) fn token<'r>(&self, request: RequestView<'r>) -> Result<Option<Cow<'r, str>>, MalformedCredentials> {
        let headers = request.headers;
        let token = match self {
            Self::Header(name) => only(headers.get_all(name).iter().map(|line| trim(line.as_bytes())))?.map(text),
            Self::Cookie(name) => only(cookies(headers, name))?.map(text),
            Self::WebSocketProtocol(prefix) => only(rests(headers, prefix))?.map(text),
            Self::WebSocketProtocolAfter(name) => only(successors(headers, name))?.map(text),
            Self::WebSocketProtocolBase64url(prefix) => only(rests(headers, prefix))?.map(decoded),
            Self::Query => only(parameters(request.uri))?.map(Ok),
        };
        match token.transpose()? {
            Some(token) if !is_b64token(token.as_bytes()) => Err(MALFORMED),
            token => Ok(token),
        }
    }

    /// The header that this place is in.
    pub(super) fn header_name(&self) -> Option<&HeaderName> {
        match self {
            Self::Header(name) => Some(name),
            Self::Cookie(_) => Some(&COOKIE),
            Self::WebSocketProtocol(_) | Self::WebSocketProtocolAfter(_) | Self::WebSocketProtocolBase64url(_) => {
                Some(&SEC_WEBSOCKET_PROTOCOL)
            }
            Self::Query => None,
        }
    }
}

fn only<T>(mut found: impl Iterator<Item = T>) -> Result<Option<T>, MalformedCredentials> {
    let first = found.next();
    if found.next().is_some() { Err(MALFORMED) } else { Ok(first) }
}

fn text(token: &[u8]) -> Result<Cow<'_, str>, MalformedCredentials> {
    std::str::from_utf8(token).map(Cow::Borrowed).map_err(|_| MALFORMED)
}

/// What `token` stands for in base64url, in its only spelling: a second one could get past a check that compares the header as text.
fn decoded(token: &[u8]) -> Result<Cow<'_, str>, MalformedCredentials> {
    let token = decode_base64url(token).ok_or(MALFORMED)?;
    String::from_utf8(token).map(Cow::Owned).map_err(|_| MALFORMED)
}

/// The values of the cookies of this name (RFC 6265 §4.2.1). An empty one counts as deleted.
fn cookies<'r>(headers: &'r HeaderMap, name: &str) -> impl Iterator<Item = &'r [u8]> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(move |pair| {
        let value = trim(pair).strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        Some(value).filter(|value| !value.is_empty())
    })
}

/// The rest of each subprotocol that has the prefix.
fn rests<'r>(headers: &'r HeaderMap, prefix: &str) -> impl Iterator<Item = &'r [u8]> {
    subprotocols(headers).filter_map(move |protocol| protocol.strip_prefix(prefix.as_bytes()))
}

/// For each subprotocol of this name the next one, or nothing after the last.
fn successors<'r>(headers: &'r HeaderMap, name: &str) -> impl Iterator<Item = &'r [u8]> {
    let next = subprotocols(headers).skip(1).chain([&b""[..]]);
    subprotocols(headers).zip(next).filter(move |(protocol, _)| *protocol == name.as_bytes()).map(|(_, next)| next)
}

/// The subprotocols that a handshake offers, in their order. Several lines are one list (RFC 6455 §11.3.4), and empty elements of a
/// list do not count (RFC 9110 §5.6.1.2).
fn subprotocols(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let elements = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(trim);
    elements.filter(|protocol| !protocol.is_empty())
}

/// The values of each parameter `access_token` (RFC 6750 §2.3).
fn parameters(uri: &Uri) -> impl Iterator<Item = Cow<'_, str>> {
    let parameters = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    parameters.filter(|(name, _)| name == "access_token").map(|(_, value)| value)
}
