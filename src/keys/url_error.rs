use std::net::Ipv4Addr;

use url::{Host, Url};

/// Why a URL is not one to fetch keys from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Not an absolute URL, or one only to a parser that repairs what it is given.
    #[error("not an absolute URL")]
    NotAUrl,
    /// Keys that came over plain text could be anybody's (RFC 8414 §2).
    #[error("neither https nor, on this machine itself, http")]
    Scheme,
    /// A user name or a password in the URL.
    #[error("has a user name or a password")]
    Credentials,
    /// An issuer identifier has no query (RFC 8414 §2).
    #[error("has a query")]
    Query,
    /// What follows `#` is never sent.
    #[error("has a fragment")]
    Fragment,
    /// A remote issuer points to this machine.
    #[error("points to this machine, and the issuer is elsewhere")]
    Loopback,
    /// A remote issuer points to an address that only this machine's link knows.
    #[error("points to a link-local address")]
    LinkLocal,
    /// A remote issuer points to where a cloud serves credentials to its machines.
    #[error("points to the metadata service of a cloud")]
    CloudMetadata,
}

/// A URL that identifies an issuer or a resource, by its text: others compare it byte for byte. The parser repairs what
/// nobody else writes, and then no token's `iss` and no client's `resource` would be this.
pub(crate) fn identifying(text: &str) -> Result<Url, UrlError> {
    let url = fetchable(text)?;
    let is_as_written = text.starts_with("https://") || text.starts_with("http://");
    let is_plain = text.bytes().all(|octet| octet.is_ascii_graphic());
    if is_as_written && is_plain { Ok(url) } else { Err(UrlError::NotAUrl) }
}

/// A URL that keys or metadata may be fetched from.
pub(crate) fn fetchable(text: &str) -> Result<Url, UrlError> {
    let url = Url::parse(text).map_err(|_| UrlError::NotAUrl)?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        _ => return Err(UrlError::Scheme),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::Credentials);
    }
    if url.fragment().is_some() { Err(UrlError::Fragment) } else { Ok(url) }
}

/// Whether the host is `localhost` or a loopback address.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|mapped: Ipv4Addr| mapped.is_loopback())
        }
        None => false,
    }
}
