use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::HeaderName;

use super::certificate_error::CertificateError;
use super::der::hash as sha256;
use super::invalid_proxies::{InvalidProxies, MIN_SECRET};
use super::set_aside::only_line;
use crate::binding::network::Networks;
use crate::binding::peer::PeerAddress;
use crate::credentials::RequestView;
use crate::placeholder::is_placeholder;

/// How to recognize the proxies whose header names the client certificate.
///
/// Anyone can send the header, so it is trusted only if it comes from such a proxy. The proxy must replace the header in every request,
/// even if the client has no certificate; otherwise a client can write it, and the proxy vouches for it (RFC 9440 §4, RFC 9700 §4.13).
///
/// ```
/// use http::HeaderName;
/// use tower_bearer::certificate::TrustedProxies;
///
/// let by_address = TrustedProxies::at(["10.0.0.0/8"])?;
/// # let secret = "gX1fBat3bVgX1fBat3bV";
/// let by_secret = TrustedProxies::with_secret(HeaderName::from_static("x-proxy-secret"), secret)?;
/// # Ok::<(), tower_bearer::certificate::InvalidProxies>(())
/// ```
#[derive(Clone)]
pub struct TrustedProxies(By);

#[derive(Clone)]
enum By {
    Address(Networks),
    /// Of the secret only the SHA-256 hash is kept, so that nothing can show it. Hashes have one length, so that their comparison does not
    /// tell the length of the secret either.
    Secret {
        header: HeaderName,
        hash: [u8; 32],
    },
}

impl TrustedProxies {
    /// Proxies with these addresses, or in these networks in CIDR notation, such as `10.0.0.0/8` or `2001:db8::/32`.
    ///
    /// The application inserts the [`PeerAddress`] of the connection into each request. An unknown address is in no network. An
    /// IPv4-mapped IPv6 address (`::ffff:10.0.0.1`) is treated as the IPv4 address.
    ///
    /// # Errors
    ///
    /// If the list is empty, or if a text is not a network, has bits beyond its prefix (`10.0.0.1/8`) or contains every address.
    pub fn at<I>(networks: I) -> Result<Self, InvalidProxies>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        Ok(Self(By::Address(Networks::parse(networks)?)))
    }

    /// Proxies that send this secret in this header of every request: for proxies without a fixed address.
    ///
    /// The secret is compared in constant time, and removed before the request reaches the handler. The header must occur exactly once.
    /// Nobody else may read it between the proxy and this server, so use TLS there too.
    ///
    /// # Errors
    ///
    /// If the secret has fewer than 16 bytes, contains a space or a character that is not printable ASCII, consists of one repeated byte,
    /// or is a placeholder such as `${SECRET}`.
    pub fn with_secret(header: HeaderName, secret: impl AsRef<str>) -> Result<Self, InvalidProxies> {
        let secret = secret.as_ref();
        // A placeholder says what is wrong better than its length.
        if is_placeholder(secret) {
            return Err(InvalidProxies::SecretNotRandom);
        }
        if secret.len() < MIN_SECRET {
            return Err(InvalidProxies::SecretTooShort { length: secret.len() });
        }
        if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidProxies::SecretCharacter);
        }
        if secret.bytes().all(|byte| byte == secret.as_bytes()[0]) {
            return Err(InvalidProxies::SecretNotRandom);
        }
        let secret = secret.as_bytes();
        Ok(Self(By::Secret { header, hash: sha256(secret) }))
    }

    /// The header that holds the secret, if there is one.
    pub(super) fn secret_header(&self) -> Option<&HeaderName> {
        match &self.0 {
            By::Address(_) => None,
            By::Secret { header, .. } => Some(header),
        }
    }

    /// Checks that the request came from such a proxy.
    pub(super) fn check(&self, request: RequestView<'_>) -> Result<(), CertificateError> {
        let reason = match &self.0 {
            By::Address(networks) => {
                let peer = request.extensions.get::<PeerAddress>().map(|PeerAddress(address)| *address);
                match peer {
                    Some(_) if networks.contain(peer) => return Ok(()),
                    Some(_) => "the peer has another address",
                    None => "the address of the peer is unknown, expected the request extension PeerAddress",
                }
            }
            By::Secret { header, hash: expected } => match only_line(request, header)? {
                Some(found) if verify_slices_are_equal(&sha256(found.as_bytes()), expected).is_ok() => return Ok(()),
                Some(_) => "the secret is wrong",
                None => "the secret is absent",
            },
        };
        Err(CertificateError::Untrusted { reason })
    }
}

impl fmt::Debug for TrustedProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            By::Address(networks) => f.debug_tuple("At").field(networks).finish(),
            By::Secret { header, .. } => f.debug_tuple("WithSecret").field(header).finish(),
        }
    }
}
