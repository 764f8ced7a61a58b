use std::borrow::Cow;
use std::fmt;

use http::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, Request, Uri};
use url::form_urlencoded;

use super::credentials::{MalformedCredentials, bearer_token, is_b64token, is_tchar, without_surrounding_white_space};
use super::cross_site::{self, CrossSiteRequest, Sites};

/// A place where a request may carry its token beside the `Authorization` header: see
/// [`ProtectLayer::token_from`](crate::layer::ProtectLayer::token_from).
///
/// None is looked at by default, and none is as safe as the header: read what each asks of you.
///
/// # Caches
///
/// A shared cache keeps no answer to a request with `Authorization`, unless the answer allows it (RFC 9111 §3.5). Nothing of
/// the kind holds for other places, so the layer sees to it. Every answer to a token that came from one of them, whatever its
/// status, is `Cache-Control: private`, unless it is `private` or `no-store` already. Other directives of the application stay,
/// except for those that allow shared caches more: `public`, `s-maxage`, and the fields `CDN-Cache-Control`, such fields of one
/// network (`Cloudflare-CDN-Cache-Control`), `Surrogate-Control`, `Edge-Control` and `X-Accel-Expires`. `Vary` names the header that held the token, so that a browser does not show one user's page to
/// the next. An answer without a token, which an [optional](crate::layer::ProtectLayer::optional) layer lets through, stays as
/// cacheable as it was: its `Vary` names every header in which a token would have counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSource {
    place: Place,
    sites: Sites,
}

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
    /// What a proxy writes, a client can write too if the proxy lets it: have the proxy remove it from what comes in. If the
    /// proxy makes it of a cookie, as Cloudflare Access does, other sites can cause requests with it:
    /// [refuse those](Self::refuse_cross_site).
    ///
    /// # Panics
    ///
    /// If `name` is `Authorization` or `Cookie`, which hold more.
    #[must_use]
    #[track_caller]
    pub fn header(name: HeaderName) -> Self {
        assert!(name != AUTHORIZATION && name != COOKIE, "the header {name} holds more than a token");
        Self { place: Place::Header(name), sites: Sites::Any }
    }

    /// A cookie that holds the token.
    ///
    /// A browser sends a cookie with every request to its host, whoever caused it. So a request of an unsafe method (all but
    /// `GET`, `HEAD`, `OPTIONS` and `TRACE`: RFC 9110 §9.2.1) and a WebSocket handshake are refused with 403 if the page of
    /// another origin caused them, however good the token is:
    ///
    /// | the request has | it passes |
    /// |---|---|
    /// | an `Origin` that is [allowed](Self::allow_origin) | always |
    /// | `Sec-Fetch-Site` | if it is `same-origin` or `none`; not if it is `same-site`, because a neighbour among the subdomains may be less trustworthy, or `cross-site` |
    /// | `Origin` alone | if its host and port are the request's own, by `:authority` or `Host`; the scheme is not compared, because a proxy may have ended TLS |
    /// | neither | always: every browser of today sends one of them, and no other client sends cookies on behalf of a page |
    ///
    /// What it leaves to you:
    ///
    /// - A safe method must change nothing. What overrides the method, such as `X-HTTP-Method-Override`, is the application's:
    ///   the layer looks at the request's own method.
    /// - A page of the same origin may do everything, so keep scripts of others out of it.
    /// - If a proxy replaces `Host`, [allow](Self::allow_origin) the origin of the server's own pages. Where a browser sends no
    ///   `Sec-Fetch-Site`, they look like another site's: before 2023, over plain http, and in some WebSocket handshakes.
    /// - The cookie should be `Secure`, `HttpOnly` and `SameSite`. A name like `__Host-token` demands the first, and that no
    ///   subdomain sets it.
    ///
    /// # Panics
    ///
    /// If `name` is no cookie's name (RFC 6265 §4.1.1).
    #[must_use]
    #[track_caller]
    pub fn cookie(name: &str) -> Self {
        assert!(is_token(name), "{name:?} is no cookie's name");
        Self { place: Place::Cookie(name.into()), sites: Sites::OWN }
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
        Self { place: Place::WebSocketProtocol(format!("{prefix}.").into()), sites: Sites::Any }
    }

    /// The query parameter `access_token` (RFC 6750 §2.3).
    ///
    /// URLs end up in logs, histories and `Referer` headers, and the token with them, so RFC 9700 §4.3.2 and OAuth 2.1 forbid
    /// it. Use it where nothing else is possible, with tokens that live for seconds.
    #[must_use]
    pub fn query() -> Self {
        Self { place: Place::Query, sites: Sites::Any }
    }

    /// Refuses requests that pages of other sites cause, by the rules of a [cookie](Self::cookie).
    ///
    /// Default for a cookie, and not for the others, which no browser fills on its own. A header that a proxy makes of a cookie
    /// needs it.
    #[must_use]
    pub fn refuse_cross_site(self) -> Self {
        Self { sites: Sites::OWN, ..self }
    }

    /// Lets pages of `origin` do what those of this server may do, such as `https://app.example.com`. Call it again for others.
    /// Requests from all other sites are [refused](Self::refuse_cross_site).
    ///
    /// # Panics
    ///
    /// If `origin` is no scheme, host and optional port (RFC 6454 §4). There is no wildcard.
    #[must_use]
    #[track_caller]
    pub fn allow_origin(mut self, origin: &str) -> Self {
        let Some(origin) = cross_site::origin(origin) else {
            panic!("{origin:?} is no origin, such as \"https://app.example.com\"")
        };
        self.sites.allow(origin);
        self
    }

    /// Lets the pages of every site cause requests with a user's token.
    ///
    /// Use it only where the application defends itself, for example by a token of its own in each form. Every page that a
    /// user visits can otherwise do whatever the user may do.
    #[must_use]
    pub fn insecure_allow_cross_site(self) -> Self {
        Self { sites: Sites::Any, ..self }
    }

    fn token<'r>(&self, headers: &'r HeaderMap, uri: &'r Uri) -> Result<Option<Cow<'r, str>>, MalformedCredentials> {
        match &self.place {
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
        match &self.place {
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
    /// `None` is the `Authorization` header.
    pub(crate) source: Option<SourceIndex>,
}

/// Without the token.
impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented").field("source", &self.source).finish_non_exhaustive()
    }
}

/// Which of a layer's sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SourceIndex(usize);

impl TokenSources {
    pub(crate) fn add(&mut self, source: TokenSource) {
        // Who names a place again means another rule for it.
        match self.0.iter_mut().find(|known| known.place == source.place) {
            Some(known) => *known = source,
            None => self.0.push(source),
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
        let mut presented = bearer_token(headers)?.map(|token| Presented { token: token.into(), source: None });
        for (index, source) in self.0.iter().enumerate() {
            if let Some(token) = source.token(headers, uri)? {
                let another = presented.replace(Presented { token, source: Some(SourceIndex(index)) });
                if another.is_some() {
                    return Err(MalformedCredentials);
                }
            }
        }
        Ok(presented)
    }

    /// Whether a request may come from where it comes from, with the token at this source.
    pub(crate) fn check_site<B>(
        &self,
        SourceIndex(index): SourceIndex,
        request: &Request<B>,
    ) -> Result<(), CrossSiteRequest> {
        self.0.get(index).map_or(Ok(()), |source| source.sites.check(request))
    }

    /// The header that held the token which came from this source.
    pub(crate) fn header_name(&self, SourceIndex(index): SourceIndex) -> Option<&HeaderName> {
        self.0.get(index).and_then(TokenSource::header_name)
    }

    /// Every header in which a token counts.
    pub(crate) fn header_names(&self) -> impl Iterator<Item = &HeaderName> {
        std::iter::once(&AUTHORIZATION).chain(self.0.iter().filter_map(TokenSource::header_name))
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
