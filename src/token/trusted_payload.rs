use crate::jose::Verified;

/// Claims that the issuer itself states: a payload that it has signed, or its answer about a token.
#[derive(Clone, Copy)]
pub(crate) struct TrustedPayload<'t>(&'t [u8]);

impl<'t> TrustedPayload<'t> {
    /// The answer of the issuer's introspection endpoint, which says that the token is active (RFC 7662 §2.2).
    #[cfg(feature = "introspection")]
    pub(crate) fn of_answer(answer: &'t [u8]) -> Self {
        Self(answer)
    }

    pub(super) fn bytes(self) -> &'t [u8] {
        self.0
    }
}

impl<'t> From<&Verified<'t>> for TrustedPayload<'t> {
    fn from(verified: &Verified<'t>) -> Self {
        Self(verified.payload())
    }
}
