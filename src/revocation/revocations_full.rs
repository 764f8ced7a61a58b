/// The table of revocations has no room for another revocation for this issuer.
///
/// No other entry was dropped for it, and nothing else was revoked instead. The tokens in question remain valid until there is room:
/// raise the [quota](super::Revocations::quota), or revoke less specifically, for example the subject instead of its sessions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected at most {quota} revocations of one issuer at a time, found one more")]
pub struct RevocationsFull {
    pub(super) quota: usize,
}
