use std::fmt;
use std::sync::Arc;

use super::der;
use crate::jose::encode_base64url;

/// The certificate that the client of a connection has proven to have, as a request extension: its SHA-256 thumbprint.
///
/// The application inserts it, outside of the protecting layer, from what its TLS server knows of the connection: the first of the
/// certificates that the client sent, which is its own. Make it once for each connection and insert a clone into each request, which
/// is cheap. A connection without a certificate gets none. Never insert a certificate that a header names: that is for
/// [`CertificateHeader`](super::CertificateHeader), which checks where the header comes from.
///
/// The TLS server must verify that the client has the private key, as every TLS server does that asks for a certificate. Whether it
/// also verifies the chain is between you and your issuer: a self-signed certificate binds a token as well (RFC 8705 §2.2).
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
    /// The certificate with these bytes: DER, as in the TLS handshake. They are only hashed.
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
