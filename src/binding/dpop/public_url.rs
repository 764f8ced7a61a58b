use std::borrow::Cow;
use std::net::IpAddr;

use http::{HeaderMap, HeaderName, Method};

use super::forwarded::{Forwarded, ForwardedHeaders};
use super::invalid_public_url::InvalidPublicUrl;
use super::origin::Origin;
use super::public_path::{BasePath, Mount};
use super::target_uri::{Parts, TargetUri, split_path};
use super::target_uri_error::TargetUriError;
use super::uri_path::normalise;
use crate::binding::network::Networks;
use crate::credentials::RequestView;
use crate::redact;

/// The URL that clients use for the service, and how the target of a request is derived from it.
///
/// A proof names the URL of the one request that it is for (`htu`, RFC 9449 §4.2). The scheme, host and port of that URL
/// are configured, not taken from the request: a client can write any `Host`, `:authority`, absolute request target and
/// `X-Forwarded-*`, and could thus use a proof for another server here. Only the path comes from the request. The query
/// is ignored (§4.3(9)).
///
/// | between client and layer | configuration |
/// |---|---|
/// | nothing, or a proxy that keeps the path | `PublicUrl::new("https://api.example.com")` |
/// | a proxy or a nested router strips `/shop` | `PublicUrl::new("https://api.example.com/shop")` |
/// | a proxy adds `/api` | `PublicUrl::new("https://api.example.com")` and [`mounted_at("/api")`](Self::mounted_at) |
/// | several public names | [`trust_proxies`](Self::trust_proxies) |
/// | a proxy that only asks whether a request may pass | [`forward_auth`](Self::forward_auth) |
///
/// A request whose path has a segment `.` or `..`, plain or as `%2e`, has no target. The client then gets 401, whatever
/// its proof says.
///
/// ```
/// use tower_bearer::dpop::{ForwardedHeaders, PublicUrl};
///
/// let url = PublicUrl::new("https://api.example.com/shop")?;
/// let behind_a_gateway = PublicUrl::new("https://api.example.com")?
///     .mounted_at("/internal/api")?
///     .trust_proxies(["10.0.0.0/8"], ForwardedHeaders::XForwarded)?;
/// # Ok::<(), tower_bearer::dpop::InvalidPublicUrl>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    pub(super) origin: Origin,
    base: BasePath,
    mount: Mount,
    proxies: Option<(Networks, ForwardedHeaders)>,
    forward_auth: Option<ForwardAuth>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct ForwardAuth {
    networks: Networks,
    target: HeaderName,
    method: HeaderName,
}

impl PublicUrl {
    /// The URL of the root of the service: a scheme, a host, and optionally a port and a path.
    ///
    /// If the URL has a path, such as `/shop`, the layer must see requests without it, as behind a proxy that strips it,
    /// or in a nested axum router. A request for `/me` then has the target `https://api.example.com/shop/me`. The layer
    /// sees `/` both for `/shop` and for `/shop/`, so write the URL as clients write it for the root, with or without
    /// the trailing slash. For all other paths the trailing slash is significant.
    ///
    /// # Errors
    ///
    /// If the text is not an absolute `http` or `https` URL, or has a query, a fragment, a user name or a dot segment.
    /// Nothing is corrected: `https:\\api.example.com` is refused, and so is a host with non-ASCII characters (write
    /// `xn--…`).
    pub fn new(url: &str) -> Result<Self, InvalidPublicUrl> {
        let Parts { origin, path, has_more } =
            Parts::parse(url).map_err(|error| InvalidPublicUrl::Url(without_password(error, url)))?;
        if has_more {
            return Err(InvalidPublicUrl::QueryOrFragment);
        }
        let base = BasePath::parse(&path).map_err(InvalidPublicUrl::Url)?;
        Ok(Self { origin, base, mount: Mount::root(), proxies: None, forward_auth: None })
    }

    /// Sets the path of the root of the service as the layer sees it, which a gateway substitutes for the path of the
    /// public URL. Default: `/`.
    ///
    /// With `/api` and the public URL `https://api.example.com/shop`, a request for `/api/me` has the target
    /// `https://api.example.com/shop/me`. A request for a path that is not below `/api` has no target and gets 401.
    ///
    /// # Errors
    ///
    /// If the text is not a path that begins with a slash, or has a query, a fragment or a dot segment.
    pub fn mounted_at(self, path: &str) -> Result<Self, InvalidPublicUrl> {
        let mount = Mount::parse(path).map_err(InvalidPublicUrl::Mount)?;
        Ok(Self { mount, ..self })
    }

    /// Sets the proxies that say how clients address the service, and the headers in which they say it. Default: none,
    /// so all such headers are ignored.
    ///
    /// This is for services with several public names. If there is only one, put it in the public URL and omit this.
    ///
    /// `proxies` are addresses or networks in CIDR notation, such as `10.0.0.0/8` or `2001:db8::/32`. The headers are
    /// used only if the address of the request's peer, which is the other end of the connection, is in one of these
    /// networks. An unknown address is in none. An IPv4-mapped IPv6 address (`::ffff:10.0.0.1`) is treated as the IPv4
    /// address.
    ///
    /// For all other requests, and if the headers do not have the [required form](ForwardedHeaders), the configured URL
    /// is used.
    ///
    /// # Errors
    ///
    /// If the list is empty, or if a text is not a network, has bits beyond its prefix (`10.0.0.1/8`) or contains every
    /// address.
    pub fn trust_proxies<I>(self, proxies: I, headers: ForwardedHeaders) -> Result<Self, InvalidPublicUrl>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        Ok(Self { proxies: Some((Networks::parse(proxies)?, headers)), ..self })
    }

    /// Sets the headers in which a proxy names the request that it asks about, as nginx (`auth_request`), Traefik
    /// (`ForwardAuth`) and Caddy (`forward_auth`) do. Default: the request itself is checked.
    ///
    /// The header `target` holds the path and the query of the request, or its whole URL. A URL must have the scheme,
    /// the host and the port of the public URL. The header `method` holds the request's method. Each header must occur
    /// exactly once.
    ///
    /// A client that reaches the layer directly could name one request, for which it has a proof, and make another. So
    /// the request must come from one of `proxies`, which are given as for [`trust_proxies`](Self::trust_proxies), and
    /// each proxy must overwrite both headers. A request from any other peer has no target and gets 401.
    ///
    /// ```
    /// use http::HeaderName;
    /// use tower_bearer::dpop::PublicUrl;
    ///
    /// // nginx: proxy_set_header X-Original-URI $request_uri; proxy_set_header X-Original-Method $request_method;
    /// let target = HeaderName::from_static("x-original-uri");
    /// let method = HeaderName::from_static("x-original-method");
    /// let url = PublicUrl::new("https://api.example.com")?.forward_auth(["127.0.0.1", "::1"], target, method)?;
    /// # Ok::<(), tower_bearer::dpop::InvalidPublicUrl>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Same as for [`trust_proxies`](Self::trust_proxies).
    pub fn forward_auth<I>(self, proxies: I, target: HeaderName, method: HeaderName) -> Result<Self, InvalidPublicUrl>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let networks = Networks::parse(proxies)?;
        Ok(Self { forward_auth: Some(ForwardAuth { networks, target, method }), ..self })
    }

    /// The URL of the root of the service, in its normal form.
    pub(super) fn root(&self) -> String {
        format!("{}{}", self.origin, self.base.as_str())
    }

    /// Whether the request that is to be checked is another one than that which arrives.
    pub(super) fn is_asked_by_proxies(&self) -> bool {
        self.forward_auth.is_some()
    }

    /// The target of the request that is to be checked, for the comparison with `htu`.
    pub(crate) fn target(&self, request: RequestView<'_>, peer: Option<IpAddr>) -> Result<TargetUri, TargetUriError> {
        let forwarded = match &self.proxies {
            Some((networks, headers)) if networks.contain(peer) => headers.read(request.headers, &self.origin).ok(),
            _ => None,
        };
        let forwarded = forwarded.as_ref();
        let Some(forward_auth) = &self.forward_auth else { return self.at(forwarded, own_path(request)?) };
        forward_auth.check_peer(peer)?;
        let value = one_line(request.headers, &forward_auth.target)?;
        let origin = forwarded.map_or(&self.origin, |forwarded| &forwarded.origin);
        self.at(forwarded, &original_path(value, &forward_auth.target, origin)?)
    }

    /// The method of the request that is to be checked, for the comparison with `htm`.
    pub(crate) fn method(&self, request: RequestView<'_>, peer: Option<IpAddr>) -> Result<Method, TargetUriError> {
        let Some(forward_auth) = &self.forward_auth else { return Ok(request.method.clone()) };
        forward_auth.check_peer(peer)?;
        let header = &forward_auth.method;
        let value = one_line(request.headers, header)?;
        Method::from_bytes(value.as_bytes())
            .map_err(|_| TargetUriError::Method { header: header.clone(), found: value.into() })
    }

    /// The public URL of what has this path behind the proxies.
    pub(super) fn at(&self, forwarded: Option<&Forwarded>, path: &str) -> Result<TargetUri, TargetUriError> {
        let path = normalise(path)?;
        let rest = self.mount.rest(&path)?;
        let (origin, prefix) = match forwarded {
            Some(Forwarded { origin, prefix }) => (origin, prefix.as_ref()),
            None => (&self.origin, None),
        };
        Ok(TargetUri::new(origin, &prefix.unwrap_or(&self.base).join(&rest)))
    }
}

impl ForwardAuth {
    fn check_peer(&self, peer: Option<IpAddr>) -> Result<(), TargetUriError> {
        if self.networks.contain(peer) { Ok(()) } else { Err(TargetUriError::UnnamedPeer { found: peer }) }
    }
}

/// A slash in a password ends what looks like the host, so an error about the host could show a part of the password.
fn without_password(error: TargetUriError, url: &str) -> TargetUriError {
    match error {
        TargetUriError::Host { .. } | TargetUriError::Port { .. } if url.contains('@') => TargetUriError::UserInfo,
        other => other,
    }
}

/// The path of the request itself, whether its target is in origin-form or in absolute-form (RFC 9112 §3.2). The host
/// of the latter, and `:authority` of HTTP/2, are as untrusted as `Host`.
pub(super) fn own_path(request: RequestView<'_>) -> Result<&str, TargetUriError> {
    match request.uri.path() {
        path if path.starts_with('/') => Ok(path),
        // `*`, or the empty path of an authority-form.
        _ => Err(TargetUriError::NoPath { found: redact::url(&request.uri.to_string()).into() }),
    }
}

/// The path in a header that holds a path with or without a query, or a whole URL of this origin.
fn original_path<'v>(value: &'v str, header: &HeaderName, own: &Origin) -> Result<Cow<'v, str>, TargetUriError> {
    if value.starts_with('/') {
        return Ok(split_path(value).0.into());
    }
    let Parts { origin, path, .. } = Parts::parse(value)?;
    if origin == *own {
        return Ok(path);
    }
    let (found, expected) = (origin.to_string().into(), own.to_string().into());
    Err(TargetUriError::OtherOrigin { header: header.clone(), found, expected })
}

/// The value of a header of which there has to be one line.
fn one_line<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h str, TargetUriError> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.count()) {
        (Some(line), 0) => visible(line.as_bytes()),
        (first, more) => {
            Err(TargetUriError::HeaderLines { header: name.clone(), found: usize::from(first.is_some()) + more })
        }
    }
}

fn visible(value: &[u8]) -> Result<&str, TargetUriError> {
    let found = String::from_utf8_lossy(value).chars().find(|character| !character.is_ascii_graphic());
    match (std::str::from_utf8(value), found) {
        (Ok(text), None) => Ok(text),
        (_, found) => Err(TargetUriError::Character { found: found.unwrap_or(char::REPLACEMENT_CHARACTER) }),
    }
}
