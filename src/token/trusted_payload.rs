use super::provenance::Provenance;
use crate::jose::Verified;

/// Claims that the issuer itself states: a payload that it has signed, or its answer about a token.
#[derive(Clone, Copy)]
pub(crate) struct TrustedPayload<'t> {
    bytes: &'t [u8],
    provenance: Provenance,
}

impl<'t> TrustedPayload<'t> {
    /// The answer of the issuer's introspection endpoint, which says that the token is active (RFC 7662 §2.2).
    #[cfg(feature = "introspection")]
    pub(crate) fn of_answer(bytes: &'t [u8]) -> Self {
        Self { bytes, provenance: Provenance::Introspection }
    }

    pub(super) fn bytes(self) -> &'t [u8] {
        self.bytes
    }

    pub(super) fn provenance(self) -> Provenance {
        self.provenance
    }
}

impl<'t> From<&Verified<'t>> for TrustedPayload<'t> {
    fn from(verified: &Verified<'t>) -> Self {
        Self { bytes: verified.payload(), provenance: Provenance::Signature }
    }
}
