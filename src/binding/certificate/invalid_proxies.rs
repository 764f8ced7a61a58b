use crate::binding::network::InvalidNetwork;

/// The minimum length of a shared secret in bytes: 128 bits, if they are random.
pub(super) const MIN_SECRET: usize = 16;

/// Why [`TrustedProxies`](super::TrustedProxies) cannot be made. It holds no byte of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidProxies {
    /// A text is not a network, or the network is so large that every client would be a proxy.
    #[error(transparent)]
    Network(#[from] InvalidNetwork),
    /// A secret so short that it could be found by brute force.
    #[error("expected at least {MIN_SECRET} bytes in the secret of a proxy, and found {length}")]
    #[non_exhaustive]
    SecretTooShort {
        /// Its length in bytes.
        length: usize,
    },
    /// A secret that does not fit into a header: its characters have to be printable ASCII without spaces.
    #[error("expected printable ASCII without spaces in the secret of a proxy")]
    SecretCharacter,
    /// A secret whose bytes are all the same, or a placeholder that was not filled in.
    #[error("expected a random secret of a proxy, and found a placeholder")]
    SecretNotRandom,
}
