/// The table of revocations has no room for another one of this issuer.
///
/// Nothing was forgotten for it, and nothing else was revoked in its place. The tokens that it concerns stay good until there is room:
/// raise the [quota](super::Revocations::quota), or revoke less specifically, for example the subject in place of its sessions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected at most {quota} revocations of one issuer at a time, found one more")]
pub struct RevocationsFull {
    pub(super) quota: usize,
}
