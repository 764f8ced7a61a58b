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

/// The URL by which clients know the service, and how the target of a request follows from it.
///
/// A proof names the URL of the one request that it is for (`htu`, RFC 9449 §4.2). Which URL the client used is
/// configuration, and not what the request says: a client writes `Host`, `:authority`, an absolute request target and
/// `X-Forwarded-*` as it likes, and could use a proof for another server here. Only the path of the request counts. Its
/// query does not (§4.3(9)).
///
/// | between client and layer | configuration |
/// |---|---|
/// | nothing, or a proxy that keeps the path | `PublicUrl::new("https://api.example.com")` |
/// | a proxy or a nested router strips `/shop` | `PublicUrl::new("https://api.example.com/shop")` |
/// | a proxy adds `/api` | `PublicUrl::new("https://api.example.com")` and [`mounted_at("/api")`](Self::mounted_at) |
/// | several public names | [`trust_proxies`](Self::trust_proxies) |
/// | a proxy that only asks whether a request may pass | [`forward_auth`](Self::forward_auth) |
///
/// A path with a segment `.` or `..`, plain or as `%2e`, has no target. The client then gets 401, whatever its proof
/// says.
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
    /// The URL of the root of the service: a scheme, a host, and a port and a path if there are such.
    ///
    /// With a path, the layer is expected to see the requests without it, as behind a proxy that strips it, or in a
    /// nested router of axum. A request for `/me` then has the target `https://api.example.com/shop/me`. The layer sees
    /// `/` for `/shop` and for `/shop/`, so the URL has to be written as clients write it for the root, with or without
    /// the slash at the end. Everywhere else the slash at the end of a path is significant.
    ///
    /// # Errors
    ///
    /// If the text is not an absolute `http` or `https` URL, or has a query, a fragment, a user name or a dot segment.
    /// Nothing is corrected: `https:\\api.example.com` is refused, and so is a host outside of ASCII (write `xn--…`).
    pub fn new(url: &str) -> Result<Self, InvalidPublicUrl> {
        let Parts { origin, path, has_more } =
            Parts::parse(url).map_err(|error| InvalidPublicUrl::Url(without_password(error, url)))?;
        if has_more {
            return Err(InvalidPublicUrl::QueryOrFragment);
        }
        let base = BasePath::parse(&path).map_err(InvalidPublicUrl::Url)?;
        Ok(Self { origin, base, mount: Mount::root(), proxies: None, forward_auth: None })
    }

    /// The path of the root of the service as the layer sees it, which a gateway puts in the place of the path of the
    /// public URL. The default is `/`.
    ///
    /// With `/api`, and `https://api.example.com/shop` as the public URL, a request for `/api/me` has the target
    /// `https://api.example.com/shop/me`. A request for a path that is not below `/api` has no target and gets 401.
    ///
    /// # Errors
    ///
    /// If the text is not a path that begins with a slash, or has a query, a fragment or a dot segment.
    pub fn mounted_at(self, path: &str) -> Result<Self, InvalidPublicUrl> {
        let mount = Mount::parse(path).map_err(InvalidPublicUrl::Mount)?;
        Ok(Self { mount, ..self })
    }

    /// Proxies that say how clients address the service, and the headers in which they say it. The default is that no
    /// header counts.
    ///
    /// This is for services with several public names. With one name, write it in the public URL and leave this out.
    ///
    /// `proxies` are addresses or networks in CIDR notation, such as `10.0.0.0/8` or `2001:db8::/32`. The headers count
    /// only in a request whose peer, which is the other end of the connection, has an address in one of them. An unknown
    /// address is in none. An IPv4 address that is written as an IPv6 address (`::ffff:10.0.0.1`) counts as the IPv4
    /// address.
    ///
    /// In other requests, and if the headers are not [as they have to be](ForwardedHeaders), the target is the
    /// configured one.
    ///
    /// # Errors
    ///
    /// If there is no network, if a text is none, if it has bits beyond its prefix (`10.0.0.1/8`), or if a network
    /// contains every address.
    pub fn trust_proxies<I>(self, proxies: I, headers: ForwardedHeaders) -> Result<Self, InvalidPublicUrl>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        Ok(Self { proxies: Some((Networks::parse(proxies)?, headers)), ..self })
    }

    /// The headers in which a proxy names the request that it asks about, as nginx (`auth_request`), Traefik
    /// (`ForwardAuth`) and Caddy (`forward_auth`) do. The default is that the request itself is the one to be checked.
    ///
    /// The header `target` holds the path and the query of the request, or its whole URL. A URL has to have the scheme,
    /// the host and the port of the public URL. The header `method` holds its method. Each has to be there as one line.
    ///
    /// A client that reaches the layer itself could name a request for which it has a proof and make another one. So
    /// the request has to come from one of `proxies`, which are as in [`trust_proxies`](Self::trust_proxies), and each
    /// proxy has to overwrite both headers. A request from another peer has no target and gets 401.
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
    /// As for [`trust_proxies`](Self::trust_proxies).
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

/// A password with a slash ends what looks like the host, so an error about that could show a part of it.
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
