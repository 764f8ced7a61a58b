use super::client_certificate::ClientCertificate;
use super::{der, escaped_pem, xfcc};

/// The most bytes of a header that are read: a certificate has one to three thousand, and its PEM form with escapes twice that. Envoy
/// may send the whole chain too.
pub(super) const MAX_LENGTH: usize = 32 * 1024;

/// How a header names a certificate. Each form has one spelling for one certificate, and anything else is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderForm {
    /// `:MII…=:`, a byte sequence of a structured field (RFC 9440 §2.1, RFC 9651 §3.3.5).
    ByteSequence,
    /// Envoy's `Hash=…;Cert="…"`.
    Xfcc,
    /// nginx's `-----BEGIN%20CERTIFICATE-----%0AMII…`.
    EscapedPem,
}

impl HeaderForm {
    /// The certificate that the header names.
    ///
    /// # Errors
    ///
    /// What is wrong with the form, in a few words.
    pub(super) fn read(self, line: &[u8]) -> Result<ClientCertificate, &'static str> {
        if line.len() > MAX_LENGTH {
            return Err("longer than 32,768 bytes");
        }
        let line = std::str::from_utf8(line).ok().filter(|line| line.is_ascii()).ok_or("not ASCII")?;
        let hash = match self {
            Self::ByteSequence => der::hash(&byte_sequence(line)?),
            Self::Xfcc => xfcc::hash(line)?,
            Self::EscapedPem => der::hash(&escaped_pem::certificate(line)?),
        };
        Ok(ClientCertificate::of_hash(hash))
    }
}

/// RFC 9651 §4.2.7, in the strict form: with padding and without stray bits. RFC 9440 §2.2 defines no parameters.
fn byte_sequence(line: &str) -> Result<Vec<u8>, &'static str> {
    let text = line.strip_prefix(':').and_then(|rest| rest.strip_suffix(':')).ok_or("expected a colon at both ends")?;
    der::of_base64(text)
}
