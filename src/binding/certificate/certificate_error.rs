/// Why a request does not have the client certificate that its token is bound to (RFC 8705 §3).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// There is no certificate: the client sent none, the proxy named none, or the token was verified without a request.
    #[error("the token is bound to a client certificate, but came without one")]
    Absent,
    /// The header with the certificate, or with the proxy's secret, occurs more than once. The answer is 400, because it is ambiguous which line is
    /// meant.
    #[error("expected one line of the header with the client certificate, found several")]
    Several,
    /// The header did not come from a trusted proxy: the peer has another address, or the secret is absent or wrong.
    #[error("the header with the client certificate did not come from a trusted proxy: {reason}")]
    #[non_exhaustive]
    Untrusted {
        /// What is wrong, in a few words.
        reason: &'static str,
    },
    /// The header does not have the configured form, or does not name exactly one certificate.
    #[error("the header with the client certificate is malformed: {reason}")]
    #[non_exhaustive]
    Malformed {
        /// What is wrong, in a few words.
        reason: &'static str,
    },
    /// The certificate is not the one that the token is bound to.
    #[error("the token is bound to another client certificate")]
    Mismatch,
    /// The token is not bound to a certificate, and the server [requires](super::ClientCertificates::required) it to be.
    #[error("the token is not bound to a client certificate, expected an x5t#S256 in its cnf")]
    NotBound,
}

impl CertificateError {
    /// A constant word for the error, for logs and as the label of a metric. It does not change between versions.
    ///
    /// `certificate_absent`, `certificate_several`, `certificate_untrusted`, `certificate_malformed`, `certificate_other` or
    /// `not_bound_to_certificate`.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Absent => "certificate_absent",
            Self::Several => "certificate_several",
            Self::Untrusted { .. } => "certificate_untrusted",
            Self::Malformed { .. } => "certificate_malformed",
            Self::Mismatch => "certificate_other",
            Self::NotBound => "not_bound_to_certificate",
        }
    }
}
