use crate::jose::KeyIdentity;

/// What the validity of an accepted token depends on, beside its times.
#[derive(Clone, Copy)]
pub(crate) enum Provenance {
    /// This key of the issuer verified the signature. The token is valid as long as the key is one of the issuer's.
    Key(KeyIdentity),
}
