use aws_lc_rs::digest;

use crate::jose::encode_base64url;

/// The key that a token is bound to, and the hash that names the token in a DPoP proof.
#[derive(Clone, Copy)]
pub(crate) struct ProofBinding<'a> {
    /// The thumbprint of the key (RFC 9449 §6.1).
    pub(crate) jkt: &'a str,
    /// The hash of the token.
    pub(crate) ath: &'a str,
}

/// The hash of a token in proofs, `ath`: base64url of the SHA-256 hash of its ASCII form (RFC 9449 §4.2).
pub(crate) fn ath_of(token: &str) -> Box<str> {
    encode_base64url(digest::digest(&digest::SHA256, token.as_bytes())).into()
}
