use super::revocation_store_error::RevocationStoreError;
use super::revocations_full::RevocationsFull;

/// Why [`Revocations::revoke`](super::Revocations::revoke) has failed, at least in part.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RevokeError {
    /// There is no room: nothing was revoked, in any process.
    #[error(transparent)]
    Full(#[from] RevocationsFull),
    /// The shared store has failed. This process refuses the tokens, but other processes may not. Revoke them again: that changes nothing
    /// here, but appends the revocation to the store.
    #[error("the tokens are refused by this process, but perhaps by no other: {0}")]
    Store(RevocationStoreError),
}
