use std::sync::OnceLock;

use super::proof_binding::ath_of;
use super::text::Text;

/// The key whose possession the holder of a token has to prove (`cnf`, RFC 7800 §3.1). If both thumbprints are there, possession of both has to be
/// proven.
#[derive(Clone)]
pub(crate) struct Confirmation<T> {
    /// The thumbprint of the key that signs DPoP proofs (RFC 9449 §6.1).
    pub(crate) jkt: Option<T>,
    /// The SHA-256 hash of the client's certificate (RFC 8705 §3.1).
    pub(crate) x5t_s256: Option<T>,
}

impl<T> Confirmation<T> {
    pub(super) fn map<'c, U>(&'c self, map: impl Fn(&'c T) -> U) -> Confirmation<U> {
        Confirmation { jkt: self.jkt.as_ref().map(&map), x5t_s256: self.x5t_s256.as_ref().map(&map) }
    }
}

/// The confirmation of a validated token.
pub(super) struct KeptConfirmation {
    pub(super) claim: Confirmation<Text>,
    /// Computed for the first proof. Every later proof is compared with the same hash.
    ath: OnceLock<Box<str>>,
}

impl KeptConfirmation {
    pub(super) fn new(claim: Confirmation<Text>) -> Self {
        Self { claim, ath: OnceLock::new() }
    }

    /// The hash of the token. `text` is the text that was validated, the same in every call.
    pub(super) fn ath(&self, text: &str) -> &str {
        self.ath.get_or_init(|| ath_of(text))
    }

    /// About how many bytes of memory it takes.
    pub(super) fn footprint(&self) -> usize {
        // 43 characters encode the 32 bytes of the hash.
        let texts = [&self.claim.jkt, &self.claim.x5t_s256].into_iter().flatten();
        size_of::<Self>() + 43 + texts.map(Text::apart).sum::<usize>()
    }
}
