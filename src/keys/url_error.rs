use std::net::Ipv4Addr;

use url::{Host, Url};

/// Why keys are not fetched from a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// The text is not an absolute URL, or is one only after a lenient parser corrects it.
    #[error("the text is not an absolute URL")]
    NotAUrl,
    /// The scheme is neither https nor, for this machine, http: anyone on the network path could replace keys sent in plain text (RFC
    /// 8414 §2).
    #[error("the scheme is not https, and http is allowed only for this machine")]
    Scheme,
    /// The URL has a user name or a password.
    #[error("the URL has a user name or a password")]
    Credentials,
    /// The URL has a query, which an issuer identifier must not have (RFC 8414 §2).
    #[error("the URL has a query")]
    Query,
    /// The URL has a fragment, which is never sent to a server.
    #[error("the URL has a fragment")]
    Fragment,
    /// A remote issuer points to this machine.
    #[error("the URL points to this machine, but the issuer is elsewhere")]
    Loopback,
    /// A remote issuer points to a link-local address.
    #[error("the URL points to a link-local address")]
    LinkLocal,
    /// A remote issuer points to a cloud's metadata service, which gives credentials to the machines in the cloud.
    #[error("the URL points to the metadata service of a cloud")]
    CloudMetadata,
}

/// Parses a URL that identifies an issuer or a resource. Identifiers are compared byte for byte, so a text that the parser would
/// correct is refused: no token's `iss` and no client's `resource` would equal it.
pub(crate) fn identifying(text: &str, encryption: Encryption) -> Result<Url, UrlError> {
    let url = fetchable(text, encryption)?;
    let is_as_written = text.starts_with("https://") || text.starts_with("http://");
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_as_written && is_plain { Ok(url) } else { Err(UrlError::NotAUrl) }
}

/// Whether plain http is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// For this machine only.
    Required,
    /// For every host.
    Optional,
}

/// Parses a URL that keys or metadata may be fetched from.
pub(crate) fn fetchable(text: &str, encryption: Encryption) -> Result<Url, UrlError> {
    let url = Url::parse(text).map_err(|_| UrlError::NotAUrl)?;
    match (url.scheme(), encryption) {
        ("https", _) | ("http", Encryption::Optional) => {}
        ("http", Encryption::Required) if is_loopback(&url) => {}
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
