use std::borrow::Cow;
use std::fmt;

use http::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, Uri};
use url::form_urlencoded;

use super::credentials::{MalformedCredentials, bearer_token, is_b64token, is_tchar, without_surrounding_white_space};

/// A place where a request may carry its token beside the `Authorization` header: see
/// [`ProtectLayer::token_from`](crate::layer::ProtectLayer::token_from).
///
/// None is looked at by default, and none is as safe as the header: read what each asks of you.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSource(Place);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Header(HeaderName),
    Cookie(Box<str>),
    WebSocketProtocol(Box<str>),
    Query,
}

impl TokenSource {
    /// A header that holds the token and nothing else, such as `Cf-Access-Jwt-Assertion` of Cloudflare Access.
    ///
    /// What a proxy writes, a client can write too if the proxy lets it: have the proxy remove it from what comes in.
    ///
    /// # Panics
    ///
    /// If `name` is `Authorization` or `Cookie`, which hold more.
    #[must_use]
    #[track_caller]
    pub fn header(name: HeaderName) -> Self {
        assert!(name != AUTHORIZATION && name != COOKIE, "the header {name} holds more than a token");
        Self(Place::Header(name))
    }

    /// A cookie that holds the token.
    ///
    /// A browser sends a cookie with every request to its host, whoever caused it. An API that takes tokens from cookies has
    /// to defend every operation that changes something against forged requests (CSRF): with `SameSite`, and with a check of
    /// the request's origin. The cookie should be `Secure` and `HttpOnly`, which a name like `__Host-token` demands in part.
    ///
    /// # Panics
    ///
    /// If `name` is no cookie's name (RFC 6265 §4.1.1).
    #[must_use]
    #[track_caller]
    pub fn cookie(name: &str) -> Self {
        assert!(is_token(name), "{name:?} is no cookie's name");
        Self(Place::Cookie(name.into()))
    }

    /// One of the subprotocols that a WebSocket handshake offers: `prefix`, a dot and the token. A page cannot set the
    /// headers of a handshake, but it can do this:
    ///
    /// ```text
    /// new WebSocket("wss://api.example.com/live", ["chat", `bearer.${token}`])
    /// ```
    ///
    /// The server must select another of the subprotocols (here `chat`), because a browser fails the handshake if none is
    /// selected, and the selected one is sent back. See [`AccessToken::expires`](crate::AccessToken::expires) for ending the
    /// conversation in time.
    ///
    /// # Panics
    ///
    /// If `prefix` cannot stand in a subprotocol (RFC 6455 §4.1).
    #[must_use]
    #[track_caller]
    pub fn websocket_protocol(prefix: &str) -> Self {
        assert!(is_token(prefix), "{prefix:?} cannot stand in a subprotocol");
        Self(Place::WebSocketProtocol(format!("{prefix}.").into()))
    }

    /// The query parameter `access_token` (RFC 6750 §2.3).
    ///
    /// URLs end up in logs, histories and `Referer` headers, and the token with them, so RFC 9700 §4.3.2 and OAuth 2.1 forbid
    /// it. Use it where nothing else is possible, with tokens that live for seconds. Successful responses get
    /// `Cache-Control: private`, if they are not marked so or `no-store` already.
    #[must_use]
    pub fn query() -> Self {
        Self(Place::Query)
    }

    fn token<'r>(&self, headers: &'r HeaderMap, uri: &'r Uri) -> Result<Option<Cow<'r, str>>, MalformedCredentials> {
        match &self.0 {
            Place::Header(name) => {
                only(headers.get_all(name).iter().map(|line| without_surrounding_white_space(line.as_bytes())))
            }
            Place::Cookie(name) => only(cookies(headers, name)),
            Place::WebSocketProtocol(prefix) => only(subprotocols(headers, prefix)),
            Place::Query => {
                let parameters = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
                let mut tokens = parameters.filter(|(name, _)| name == "access_token").map(|(_, value)| value);
                let token = tokens.next();
                if tokens.next().is_some() || token.as_ref().is_some_and(|token| !is_b64token(token.as_bytes())) {
                    return Err(MalformedCredentials);
                }
                Ok(token)
            }
        }
    }

    fn header_name(&self) -> Option<&HeaderName> {
        match &self.0 {
            Place::Header(name) => Some(name),
            Place::Cookie(_) => Some(&COOKIE),
            Place::WebSocketProtocol(_) => Some(&SEC_WEBSOCKET_PROTOCOL),
            Place::Query => None,
        }
    }
}

/// Where a layer looks for tokens.
#[derive(Clone, Debug, Default)]
pub(crate) struct TokenSources(Vec<TokenSource>);

/// The token that a request presents, and how.
pub(crate) struct Presented<'r> {
    pub(crate) token: Cow<'r, str>,
    pub(crate) in_query: bool,
}

/// Without the token.
impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented").field("in_query", &self.in_query).finish_non_exhaustive()
    }
}

impl TokenSources {
    pub(crate) fn add(&mut self, source: TokenSource) {
        if !self.0.contains(&source) {
            self.0.push(source);
        }
    }

    /// Lets layers within not print what may be a token.
    pub(crate) fn mark_sensitive(&self, headers: &mut HeaderMap) {
        // A request with a second line of it is refused.
        if let Some(line) = headers.get_mut(AUTHORIZATION) {
            line.set_sensitive(true);
        }
        for name in self.0.iter().filter_map(TokenSource::header_name) {
            if let Ok(http::header::Entry::Occupied(mut lines)) = headers.try_entry(name) {
                lines.iter_mut().for_each(|line: &mut HeaderValue| line.set_sensitive(true));
            }
        }
    }

    /// RFC 6750 §2: one token, in one way.
    pub(crate) fn find<'r>(
        &self,
        headers: &'r HeaderMap,
        uri: &'r Uri,
    ) -> Result<Option<Presented<'r>>, MalformedCredentials> {
        let mut presented = bearer_token(headers)?.map(|token| Presented { token: token.into(), in_query: false });
        for source in &self.0 {
            if let Some(token) = source.token(headers, uri)? {
                let another = presented.replace(Presented { token, in_query: source.0 == Place::Query });
                if another.is_some() {
                    return Err(MalformedCredentials);
                }
            }
        }
        Ok(presented)
    }
}

/// The one token there is, if any.
fn only<'r>(mut found: impl Iterator<Item = &'r [u8]>) -> Result<Option<Cow<'r, str>>, MalformedCredentials> {
    let Some(token) = found.next() else { return Ok(None) };
    if found.next().is_some() || !is_b64token(token) {
        return Err(MalformedCredentials);
    }
    std::str::from_utf8(token).map(|token| Some(token.into())).map_err(|_| MalformedCredentials)
}

/// The values of the cookies of that name (RFC 6265 §4.2.1). An empty one is one that was taken away.
fn cookies<'r>(headers: &'r HeaderMap, name: &str) -> impl Iterator<Item = &'r [u8]> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|octet| *octet == b';'));
    pairs.filter_map(move |pair| {
        let value = without_surrounding_white_space(pair).strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        Some(value).filter(|value| !value.is_empty())
    })
}

/// What follows the prefix in those of the subprotocols that have it (RFC 6455 §11.3.4).
fn subprotocols<'r>(headers: &'r HeaderMap, prefix: &str) -> impl Iterator<Item = &'r [u8]> {
    let lines = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let protocols = lines.flat_map(|line| line.as_bytes().split(|octet| *octet == b','));
    protocols.filter_map(move |protocol| without_surrounding_white_space(protocol).strip_prefix(prefix.as_bytes()))
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_tchar)
}
