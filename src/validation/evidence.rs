use crate::jose::KeyIdentity;

/// What the validity of an accepted token depends on, beside its times.
#[derive(Clone, Copy)]
pub(crate) enum Evidence {
    /// This key of the issuer verified the signature. The token is valid as long as the key is one of the issuer's.
    Key(KeyIdentity),
    /// The issuer has answered that the token is active.
    #[cfg(feature = "introspection")]
    Answer,
}
