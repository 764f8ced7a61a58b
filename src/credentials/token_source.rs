use http::header::{AUTHORIZATION, COOKIE, HeaderName};

use super::authorization::is_tchar;
use super::cross_site::{self, Sites};
use super::place::Place;
use crate::redact::Excerpt;

/// A place where a request may carry its token, in addition to the `Authorization` header
/// ([`token_from`](crate::layer::ProtectLayer::token_from)) or instead of it ([`token_only_from`](crate::layer::ProtectLayer::token_only_from)).
///
/// By default there is none. No other place is as safe as the header: read what each source requires of you.
///
/// | source | the token is | cross-site requests |
/// |---|---|---|
/// | [`header`](Self::header) | the value of a header of its own | [pass](Self::refuse_cross_site) |
/// | [`cookie`](Self::cookie) | the value of a cookie | are [refused](Self::cookie) |
/// | [`websocket_protocol`](Self::websocket_protocol) | in a subprotocol: `bearer.<token>` | pass |
/// | [`websocket_protocol_after`](Self::websocket_protocol_after) | the next subprotocol: `bearer, <token>` | pass |
/// | [`websocket_protocol_base64url`](Self::websocket_protocol_base64url) | in a subprotocol, in base64url: `base64url.bearer.authorization.k8s.io.<token>` | pass |
/// | [`query`](Self::query) | the parameter `access_token` of the URL | pass |
///
/// # WebSockets
///
/// A page cannot set the headers of a WebSocket handshake, but it chooses the subprotocols that the handshake offers in `Sec-WebSocket-Protocol`,
/// and the token may be one of them. Several lines of that header form one list (RFC 6455 §11.3.4), empty elements are ignored (RFC 9110
/// §5.6.1.2), and names are case-sensitive.
///
/// The server must select another subprotocol, such as `chat` in the examples, and never the token, because the answer names the selected one. If
/// it selects none, a browser fails the handshake. The layer leaves the header in the request, so a handler must not copy it into its answer. To
/// close the connection in time, see [`AccessToken::expires`](crate::AccessToken::expires).
///
/// # Caches
///
/// A shared cache does not store the answer to a request with `Authorization` unless the answer allows it (RFC 9111 §3.5). Tokens in other places
/// have no such protection, so the layer adds it to every answer to such a token, whatever the status:
///
/// - The answer gets `Cache-Control: private`, unless it is `private` or `no-store` already. The application's other directives are kept, except
///   those that allow shared caches more: the directives `public` and `s-maxage`, and the fields `CDN-Cache-Control` (including its vendor
///   variants, such as `Cloudflare-CDN-Cache-Control`), `Surrogate-Control`, `Edge-Control` and `X-Accel-Expires`.
/// - `Vary` names the header that held the token, so that a browser does not show one user's page to the next.
///
/// The answer to a request without a token, which an [optional](crate::layer::ProtectLayer::optional) layer lets through, stays as cacheable as
/// it was. Its `Vary` names every header in which a token would have been accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSource {
    pub(super) place: Place,
    pub(super) sites: Sites,
    /// The header in which a proxy names the method of the request that it asks about.
    pub(super) method_header: Option<HeaderName>,
}

impl TokenSource {
    fn new(place: Place, sites: Sites) -> Self {
        Self { place, sites, method_header: None }
    }

    /// A header that holds only the token, such as `Cf-Access-Jwt-Assertion` of Cloudflare Access.
    ///
    /// A client can also write the header, unless you configure the proxy to remove it from incoming requests. The client cannot forge a token,
    /// because the signature is verified, but it can send one that it got elsewhere. If the proxy copies the token from a cookie, as Cloudflare
    /// Access does, cross-site requests (CSRF) have it too: [refuse them](Self::refuse_cross_site).
    ///
    /// A repeated or empty header gets 400.
    ///
    /// # Cloudflare Access
    ///
    /// Access adds this header to every request that it lets through. Browsers' requests also have the token in the cookie `CF_Authorization`,
    /// but Cloudflare does not guarantee that, so read the header. The issuer is `https://<team>.cloudflareaccess.com`, its keys are at
    /// `/cdn-cgi/access/certs` of that host, and the audience is the application's audience tag (AUD): see [an
    /// example](crate::manual::proxies#a-proxy-that-sends-a-token). Access does not use `Authorization`: if the application uses that header for
    /// itself, take tokens [only from](crate::layer::ProtectLayer::token_only_from) this one.
    ///
    /// # Panics
    ///
    /// If `name` is `Authorization` or `Cookie`, which hold more than a token. [`try_header`](Self::try_header) returns an error.
    #[must_use]
    #[track_caller]
    pub fn header(name: HeaderName) -> Self {
        Self::try_header(name).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Like [`header`](Self::header), but returns an error instead of panicking.
    ///
    /// # Errors
    ///
    /// If `name` is `Authorization` or `Cookie`.
    pub fn try_header(name: HeaderName) -> Result<Self, InvalidTokenSource> {
        if name == AUTHORIZATION || name == COOKIE {
            let expected = "the name of a header that holds only a token";
            return Err(InvalidTokenSource { found: name.as_str().into(), expected });
        }
        Ok(Self::new(Place::Header(name), Sites::Any))
    }

    /// A cookie that holds the token.
    ///
    /// A browser sends a cookie with every request to its host, including cross-site requests. So a request with an unsafe method (any but
    /// `GET`, `HEAD`, `OPTIONS` and `TRACE`: RFC 9110 §9.2.1) or a WebSocket handshake is refused with 403, even with a valid token, if it is
    /// cross-site, which means that a page of another origin caused it:
    ///
    /// | the request has | it passes |
    /// |---|---|
    /// | an `Origin` that is [allowed](Self::allow_origin) | always |
    /// | `Sec-Fetch-Site` | if it is `same-origin` or `none`; not if it is `cross-site`, or `same-site`, because another subdomain may be less trustworthy |
    /// | `Origin` alone | if its host and port are the request's own, by `:authority` or `Host`; the scheme is not compared, because a proxy may have terminated TLS |
    /// | neither | always: every current browser sends one of them, and no other client sends cookies for a page |
    ///
    /// What remains for you to do:
    ///
    /// - A safe method must change nothing. The layer reads the method of the request; an override such as
    ///   `X-HTTP-Method-Override` is up to the application.
    /// - A proxy that only [asks](crate::manual::proxies#in-front-of-a-service-in-another-language) whether a request may pass often asks with `GET`,
    ///   whatever the method of that request. Name the header that holds it: [`method_from`](Self::method_from).
    /// - A page of the same origin may do anything, so keep third-party scripts out of it.
    /// - If a proxy replaces `Host`, [allow](Self::allow_origin) the origin of the server's own pages. If a browser sends no
    ///   `Sec-Fetch-Site` (before 2023, over plain http, and in some WebSocket handshakes), these pages otherwise look like another site's.
    /// - The cookie should be `Secure`, `HttpOnly` and `SameSite`. A name such as `__Host-token` enforces `Secure`, and prevents subdomains
    ///   from setting the cookie.
    ///
    /// # Panics
    ///
    /// If `name` is not the name of a cookie (RFC 6265 §4.1.1). [`try_cookie`](Self::try_cookie) returns an error.
    #[must_use]
    #[track_caller]
    pub fn cookie(name: &str) -> Self {
        Self::try_cookie(name).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Like [`cookie`](Self::cookie), but returns an error instead of panicking.
    ///
    /// # Errors
    ///
    /// If `name` is not the name of a cookie.
    pub fn try_cookie(name: &str) -> Result<Self, InvalidTokenSource> {
        if !is_token(name) {
            return Err(InvalidTokenSource { found: name.into(), expected: "the name of a cookie" });
        }
        Ok(Self::new(Place::Cookie(name.into()), Sites::OWN))
    }

    /// A WebSocket subprotocol that consists of `prefix`, a dot and the token: see [WebSockets](Self#websockets).
    ///
    /// ```text
    /// new WebSocket("wss://api.example.com/live", ["chat", `bearer.${token}`])
    /// ```
    ///
    /// # Panics
    ///
    /// If `prefix` cannot be the start of a subprotocol (RFC 6455 §4.1), or ends with a dot.
    /// [`try_websocket_protocol`](Self::try_websocket_protocol) returns an error.
    #[must_use]
    #[track_caller]
    pub fn websocket_protocol(prefix: &str) -> Self {
        Self::try_websocket_protocol(prefix).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Like [`websocket_protocol`](Self::websocket_protocol), but returns an error instead of panicking.
    ///
    /// # Errors
    ///
    /// If `prefix` cannot be the start of a subprotocol, or ends with a dot.
    pub fn try_websocket_protocol(prefix: &str) -> Result<Self, InvalidTokenSource> {
        Ok(Self::new(Place::WebSocketProtocol(prefix_with_dot(prefix)?), Sites::Any))
    }

    /// The WebSocket subprotocol after the one with this `name`: see [WebSockets](Self#websockets).
    ///
    /// ```text
    /// new WebSocket("wss://api.example.com/live", ["chat", "bearer", token])
    /// ```
    ///
    /// A handshake that offers `name` must offer it once, followed by a token. Otherwise it gets 400, like an `Authorization` that is only the
    /// word `Bearer`. Clients of grpc-websocket-proxy offer `Bearer` and most others `bearer`, which are different names. A server may select
    /// `name` itself.
    ///
    /// # Panics
    ///
    /// If `name` cannot be a subprotocol (RFC 6455 §4.1).
    /// [`try_websocket_protocol_after`](Self::try_websocket_protocol_after) returns an error.
    #[must_use]
    #[track_caller]
    pub fn websocket_protocol_after(name: &str) -> Self {
        Self::try_websocket_protocol_after(name).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Like [`websocket_protocol_after`](Self::websocket_protocol_after), but returns an error instead of panicking.
    ///
    /// # Errors
    ///
    /// If `name` cannot be a subprotocol.
    pub fn try_websocket_protocol_after(name: &str) -> Result<Self, InvalidTokenSource> {
        if !is_token(name) {
            return Err(InvalidTokenSource { found: name.into(), expected: "the name of a WebSocket subprotocol" });
        }
        Ok(Self::new(Place::WebSocketProtocolAfter(name.into()), Sites::Any))
    }

    /// A WebSocket subprotocol that consists of `prefix`, a dot and the token in base64url without padding: see
    /// [WebSockets](Self#websockets).
    ///
    /// Clients of the Kubernetes API send their tokens this way, with the prefix `base64url.bearer.authorization.k8s.io`:
    ///
    /// ```text
    /// const encoded = btoa(token).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    /// const bearer = `base64url.bearer.authorization.k8s.io.${encoded}`;
    /// new WebSocket("wss://api.example.com/live", ["chat", bearer])
    /// ```
    ///
    /// Padding, white space and stray bits at the end (RFC 4648 §3.5) get 400.
    ///
    /// # Panics
    ///
    /// If `prefix` cannot be the start of a subprotocol (RFC 6455 §4.1), or ends with a dot.
    /// [`try_websocket_protocol_base64url`](Self::try_websocket_protocol_base64url) returns an error.
    #[must_use]
    #[track_caller]
    pub fn websocket_protocol_base64url(prefix: &str) -> Self {
        Self::try_websocket_protocol_base64url(prefix).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Like [`websocket_protocol_base64url`](Self::websocket_protocol_base64url), but returns an error instead of panicking.
    ///
    /// # Errors
    ///
    /// If `prefix` cannot be the start of a subprotocol, or ends with a dot.
    pub fn try_websocket_protocol_base64url(prefix: &str) -> Result<Self, InvalidTokenSource> {
        Ok(Self::new(Place::WebSocketProtocolBase64url(prefix_with_dot(prefix)?), Sites::Any))
    }

    /// The query parameter `access_token` (RFC 6750 §2.3).
    ///
    /// URLs, and the tokens in them, end up in logs, histories and `Referer` headers, so RFC 9700 §4.3.2 and OAuth 2.1 forbid this. Use it only
    /// where nothing else is possible, with tokens that live for seconds.
    #[must_use]
    pub fn query() -> Self {
        Self::new(Place::Query, Sites::Any)
    }

    /// Refuses requests that pages of other sites cause, by the rules of a [cookie](Self::cookie).
    ///
    /// Default: on for a cookie, and off for the other sources, which no browser sends by itself. Use it for a header that a proxy copies from a
    /// cookie.
    #[must_use]
    pub fn refuse_cross_site(self) -> Self {
        Self { sites: Sites::OWN, ..self }
    }

    /// Sets the header in which a proxy names the method of the request that it asks about, such as `X-Original-Method`.
    ///
    /// nginx (`auth_request`) and Traefik (`ForwardAuth`) always ask with `GET`. For the check of [cross-site requests](Self::cookie), a request then
    /// counts as safe only if its own method and the one in the header are safe. Without the header, or with several of them, it counts as unsafe. The
    /// proxy must overwrite the header in every request.
    ///
    /// Default: none. The method of the request itself decides, unless the server is configured with
    /// [`forward_auth`](crate::dpop::PublicUrl::forward_auth): then all requests count as unsafe.
    ///
    /// ```
    /// use http::HeaderName;
    /// use tower_bearer::credentials::TokenSource;
    ///
    /// let cookie = TokenSource::cookie("__Host-token").method_from(HeaderName::from_static("x-original-method"));
    /// ```
    #[must_use]
    pub fn method_from(self, header: HeaderName) -> Self {
        Self { method_header: Some(header), ..self }
    }

    /// Allows pages of `origin`, such as `https://app.example.com`, to do what this server's own pages may do. Call it again to allow others too.
    /// Requests from all other sites are [refused](Self::refuse_cross_site).
    ///
    /// # Panics
    ///
    /// If `origin` is not a scheme, a host and an optional port (RFC 6454 §4); wildcards are not supported.
    /// [`try_allow_origin`](Self::try_allow_origin) returns an error.
    #[must_use]
    #[track_caller]
    pub fn allow_origin(self, origin: &str) -> Self {
        self.try_allow_origin(origin).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Like [`allow_origin`](Self::allow_origin), but returns an error instead of panicking.
    ///
    /// # Errors
    ///
    /// If `origin` is not a scheme, a host and an optional port.
    pub fn try_allow_origin(mut self, origin: &str) -> Result<Self, InvalidTokenSource> {
        let Some(allowed) = cross_site::origin(origin) else {
            let expected = "an origin such as \"https://app.example.com\"";
            return Err(InvalidTokenSource { found: origin.into(), expected });
        };
        self.sites.allow(allowed);
        Ok(self)
    }

    /// Allows the pages of every site to cause requests with a user's token.
    ///
    /// Use it only where the application has its own protection, for example a token in each form. Otherwise every page that a user
    /// visits can do whatever the user may do.
    #[must_use]
    pub fn insecure_allow_cross_site(self) -> Self {
        Self { sites: Sites::Any, ..self }
    }

    pub(super) fn header_name(&self) -> Option<&HeaderName> {
        self.place.header_name()
    }
}

/// An argument from which a [`TokenSource`] cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found:?}")]
#[non_exhaustive]
pub struct InvalidTokenSource {
    /// The argument.
    pub found: Excerpt,
    /// What was expected.
    pub expected: &'static str,
}

/// A second dot in front of the token would be a mistake that shows only as a missing token.
fn prefix_with_dot(prefix: &str) -> Result<Box<str>, InvalidTokenSource> {
    if !is_token(prefix) || prefix.ends_with('.') {
        let expected = "the start of a WebSocket subprotocol, without the dot before the token";
        return Err(InvalidTokenSource { found: prefix.into(), expected });
    }
    Ok(format!("{prefix}.").into())
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_tchar)
}
