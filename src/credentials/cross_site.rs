//! Whether a page of another site caused a request. A browser sends cookies with such a request too.

use std::borrow::Cow;
use std::fmt;

use http::header::{HOST, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_KEY, UPGRADE};
use http::uri::Authority;
use http::{HeaderMap, Method, Uri};
use url::{Origin, Url};

use super::request_view::RequestView;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The origins whose pages may cause requests that change something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sites {
    Any,
    /// This server's own origin, and these.
    Own {
        and: Vec<Box<str>>,
    },
}

impl Sites {
    pub(super) const OWN: Self = Self::Own { and: Vec::new() };

    pub(super) fn allow(&mut self, origin: Box<str>) {
        match self {
            Self::Any => *self = Self::Own { and: vec![origin] },
            Self::Own { and } => and.push(origin),
        }
    }

    /// Checks fetch metadata first, because it is what the browser knows; then the origin, which a browser sends with every
    /// request of an unsafe method and every WebSocket handshake. A request with neither comes from no current browser, so no page
    /// of another site can have caused it.
    ///
    /// `is_safe` tells whether the method of the request is safe.
    pub(super) fn check(&self, request: RequestView<'_>, is_safe: bool) -> Result<(), CrossSiteRequest> {
        let Self::Own { and } = self else { return Ok(()) };
        let headers = request.headers;
        if is_safe && !is_websocket_handshake(headers) {
            return Ok(());
        }
        let origin = value(headers, &ORIGIN);
        if origin.as_ref().is_some_and(|origin| and.iter().any(|allowed| allowed.as_bytes() == &**origin)) {
            return Ok(());
        }
        match (value(headers, &SEC_FETCH_SITE), origin) {
            // `none`: the user typed the address, or opened a bookmark.
            (Some(site), _) if matches!(&*site, b"same-origin" | b"none") => Ok(()),
            (Some(site), _) => Err(CrossSiteRequest::Site(site.into())),
            (None, Some(origin)) if is_of_host(&origin, request) => Ok(()),
            (None, Some(origin)) => Err(CrossSiteRequest::Origin(origin.into())),
            (None, None) => Ok(()),
        }
    }
}

/// The header that shows that a page of another site caused a request.
#[derive(Debug)]
pub(crate) enum CrossSiteRequest {
    Site(Vec<u8>),
    Origin(Vec<u8>),
}

impl fmt::Display for CrossSiteRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, value, expected) = match self {
            Self::Site(site) => ("Sec-Fetch-Site", site, "same-origin or none"),
            Self::Origin(origin) => ("Origin", origin, "the origin of the request's host"),
        };
        // The client wrote it, and it may be long.
        let shown = value[..value.len().min(MAX_SHOWN)].escape_ascii();
        write!(f, "the token came with a request from another site: {name} is \"{shown}\", expected {expected}")
    }
}

/// The maximum number of bytes of a header that are logged.
const MAX_SHOWN: usize = 200;

/// `text` as browsers write it in `Origin` (RFC 6454 §6.2), if it is an origin.
pub(super) fn origin(text: &str) -> Option<Box<str>> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str().filter(|host| !host.is_empty())?;
    let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    if !is_bare || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    Some(match (url.origin(), url.port()) {
        (origin @ Origin::Tuple(..), _) => origin.ascii_serialization().into(),
        // Such as an app's `capacitor://localhost`.
        (Origin::Opaque(_), Some(port)) => format!("{}://{host}:{port}", url.scheme()).into(),
        (Origin::Opaque(_), None) => format!("{}://{host}", url.scheme()).into(),
    })
}

/// RFC 6455 §4.1: a handshake is a `GET`, and any messages may follow it. Over HTTP/2 it is a `CONNECT` (RFC 8441 §4), which is
/// not a safe method. A proxy that only asks about the handshake does not pass on `Upgrade`.
fn is_websocket_handshake(headers: &HeaderMap) -> bool {
    if headers.contains_key(SEC_WEBSOCKET_KEY) {
        return true;
    }
    let lines = headers.get_all(UPGRADE).iter();
    let mut protocols = lines.flat_map(|line| line.as_bytes().split(|byte| matches!(byte, b',' | b'/')));
    protocols.any(|protocol| protocol.trim_ascii().eq_ignore_ascii_case(b"websocket"))
}

/// Whether the header names one method, which is safe. Anything else may be an unsafe one.
pub(super) fn names_safe_method(headers: &HeaderMap, name: &HeaderName) -> bool {
    value(headers, name).is_some_and(|method| Method::from_bytes(&method).is_ok_and(|method| method.is_safe()))
}

/// Several lines are one value (RFC 9110 §5.2), which then equals no expected one.
fn value<'r>(headers: &'r HeaderMap, name: &HeaderName) -> Option<Cow<'r, [u8]>> {
    let mut lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let first = lines.next()?;
    let others: Vec<_> = lines.collect();
    Some(if others.is_empty() { first.into() } else { [&[first], &*others].concat().join(&b", "[..]).into() })
}

/// Compares the host and the port. The scheme is unknown where a proxy terminates TLS, so an absent port is the default port of the
/// origin's scheme.
fn is_of_host(origin: &[u8], request: RequestView<'_>) -> bool {
    let Ok(origin) = Uri::try_from(origin) else { return false };
    let (Some(own), Some(of_origin)) = (host(request), origin.authority()) else { return false };
    let default_port = match origin.scheme_str() {
        Some("https") => 443,
        Some("http") => 80,
        _ => return false,
    };
    let port = |authority: &Authority| authority.port_u16().unwrap_or(default_port);
    own.host().eq_ignore_ascii_case(of_origin.host()) && port(&own) == port(of_origin)
}

/// The authority of the target, `:authority` in HTTP/2, takes precedence over `Host` (RFC 9112 §3.2.2, RFC 9113 §8.3.1).
fn host(request: RequestView<'_>) -> Option<Authority> {
    let of_field = || Authority::try_from(&*value(request.headers, &HOST)?).ok();
    request.uri.authority().cloned().or_else(of_field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_shown_escaped_and_cut() {
        let found = [&b"\n\"\xff"[..], &[b'x'; 1000]].concat();
        let shown = CrossSiteRequest::Origin(found).to_string();
        let expected = format!("Origin is \"\\n\\\"\\xff{}\", expected", "x".repeat(MAX_SHOWN - 3));
        assert!(shown.contains(&expected), "{shown}");
    }

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (text, written) in [
            ("https://app.example.com", Some("https://app.example.com")),
            ("https://App.Example.com:443/", Some("https://app.example.com")),
            ("http://localhost:5173", Some("http://localhost:5173")),
            ("http://[::1]:80", Some("http://[::1]")),
            ("https://b\u{fc}cher.example.com", Some("https://xn--bcher-kva.example.com")),
            ("capacitor://localhost", Some("capacitor://localhost")),
            ("chrome-extension://abcdef", Some("chrome-extension://abcdef")),
            ("app://x:1", Some("app://x:1")),
            ("*", None),
            ("null", None),
            ("", None),
            ("app.example.com", None),
            ("https://", None),
            ("file:///", None),
            ("https://app.example.com/path", None),
            ("https://app.example.com?x", None),
            ("https://user@app.example.com", None),
            ("data:,x", None),
            ("blob:https://app.example.com", None),
        ] {
            assert_eq!(origin(text).as_deref(), written, "{text}");
        }
    }
}
