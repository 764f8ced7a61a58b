/// What the subject of a token without `sub` is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SubjectClaim {
    /// There is none, so the token is refused (RFC 9068 §2.2).
    #[default]
    Required,
    /// The client that it was issued to.
    ClientInstead,
}
