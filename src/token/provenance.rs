/// How a server knows that a token's claims are true: see
/// [`AccessToken::provenance`](crate::AccessToken::provenance).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Provenance {
    /// The token is a JWT, and a key of its issuer signed it.
    Signature,
    /// The issuer was asked about the token, and answered that it is active (RFC 7662).
    Introspection,
}
