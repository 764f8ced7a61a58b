use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::binding::certificate::ClientCertificate;

static NUMBER: AtomicU64 = AtomicU64::new(1);

/// A unique client certificate, for tests of tokens that are bound to one (RFC 8705).
///
/// It has the outer form of a certificate and no content, because only the hash of a certificate is used. For a TLS handshake, use
/// a real one, such as the crate `rcgen` makes, and pass its DER form to
/// [`bound_to_certificate`](super::TokenBuilder::bound_to_certificate).
///
/// ```
/// use tower_bearer::testing::TestCertificate;
///
/// let (one, other) = (TestCertificate::new(), TestCertificate::new());
/// assert_ne!(one.extension(), other.extension());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct TestCertificate {
    der: Vec<u8>,
}

impl TestCertificate {
    /// A new certificate, different at each call.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a default is the same each time")]
    pub fn new() -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        // A sequence with one integer of eight bytes. The first is zero, so it is positive.
        Self { der: [&[0x30, 10, 2, 8][..], &number].concat() }
    }

    /// The bytes of the certificate.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The request extension of a connection with this certificate.
    #[must_use]
    pub fn extension(&self) -> ClientCertificate {
        ClientCertificate::from_der(&self.der)
    }
}

impl fmt::Debug for TestCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestCertificate").field(&self.extension().thumbprint()).finish()
    }
}
