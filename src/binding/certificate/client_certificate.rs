use std::fmt;
use std::sync::Arc;

use super::der;
use crate::jose::encode_base64url;

/// The SHA-256 thumbprint of the certificate that the client of a connection has proven to hold, as a request extension.
///
/// The application inserts it outside the protecting layer, from what its TLS server knows about the connection: the client's own
/// certificate is the first one that the client sent. Create it once per connection and insert a clone into each request, which is cheap.
/// Insert nothing for a connection without a certificate. Never insert a certificate that a header names: use
/// [`CertificateHeader`](super::CertificateHeader), which checks where the header comes from.
///
/// The TLS server must verify that the client has the private key, as every TLS server that requests a certificate does. Whether it also
/// verifies the chain is between you and your issuer: a token can also be bound to a self-signed certificate (RFC 8705 §2.2).
///
/// ```
/// use tower_bearer::certificate::ClientCertificate;
///
/// # let der = b"\x30\x03\x02\x01\x01";
/// # let mut request = http::Request::new(());
/// // `der` is `tls.get_ref().1.peer_certificates().and_then(<[_]>::first)`, with tokio-rustls.
/// request.extensions_mut().insert(ClientCertificate::from_der(der));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// As tokens have it: base64url.
    thumbprint: Arc<str>,
}

impl ClientCertificate {
    /// The certificate with these DER bytes, as sent in the TLS handshake. They are only hashed.
    #[must_use]
    pub fn from_der(der: impl AsRef<[u8]>) -> Self {
        Self::of_hash(der::hash(der.as_ref()))
    }

    /// The certificate whose DER form has this SHA-256 hash.
    pub(super) fn of_hash(hash: [u8; 32]) -> Self {
        Self { thumbprint: encode_base64url(hash).into() }
    }

    /// The base64url form of the SHA-256 hash of the certificate: `x5t#S256` in the `cnf` of a token that is bound to it (RFC 8705 §3.1).
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientCertificate").field(&self.thumbprint).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hash of no bytes is a published value.
    #[test]
    fn the_thumbprint_is_base64url_of_sha_256() {
        let certificate = ClientCertificate::from_der(b"");
        assert_eq!(certificate.thumbprint(), "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
        assert_ne!(certificate, ClientCertificate::from_der(b"\0"));
    }
}
