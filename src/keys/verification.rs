use std::time::Duration;

use super::decision::TokenTimes;
use super::pending::PendingLookup;
use super::store::{KeyStore, Lookup};
use crate::clock::Moment;
use crate::jose::{Algorithm, JwkSet, KeyIdentity, SignatureError};

/// When to retry if as many verifications were made as are allowed.
const RETRY_AFTER_VERIFICATIONS: Duration = Duration::from_secs(1);

/// The result of one attempt to verify a signature with the keys of an issuer.
pub(crate) enum Verification<T> {
    /// A key of the issuer made it.
    Verified(T, KeyIdentity),
    /// The attempt must be repeated when this has news.
    Wait(PendingLookup),
    /// There are no keys that may be used, and the next fetch is this far off.
    Unavailable { retry_after: Duration },
    /// Too many wait, or too many keys were tried, or the next fetch is too far off to wait for it.
    Busy { retry_after: Duration },
    /// The issuer has no key of this `kid`.
    UnknownKey,
    /// No key made it, and no newer key can have made it. Never [`SignatureError::NoBudget`].
    Refused(SignatureError),
}

/// Which keys are tried for one text without `kid`, and how many.
#[derive(Clone, Copy)]
pub(crate) struct Trial<'s> {
    store: &'s KeyStore,
    algorithm: Algorithm,
    now: Moment,
}

impl Trial<'_> {
    /// The key to try first.
    pub(crate) fn first(self) -> Option<KeyIdentity> {
        self.store.last_verified(self.algorithm)
    }

    /// Whether a further key may be tried.
    pub(crate) fn try_another(self) -> bool {
        self.store.try_another_key(self.now)
    }
}

impl KeyStore {
    /// Looks for the key that signed a text, and verifies the signature by `verify`. Never waits; a fetch that is needed is started.
    pub(crate) fn verify<T>(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
        times: TokenTimes,
        now: Moment,
        verify: impl Fn(&JwkSet, Trial<'_>) -> Result<(T, KeyIdentity), SignatureError>,
    ) -> Verification<T> {
        let trial = Trial { store: self, algorithm, now };
        let mut lookup = self.look_up(kid, times, now);
        loop {
            let keys = match lookup {
                Lookup::Keys(keys) => keys,
                Lookup::Unknown => return Verification::UnknownKey,
                Lookup::Wait(pending) => return Verification::Wait(pending),
                Lookup::Unavailable { retry_after } => return Verification::Unavailable { retry_after },
                Lookup::Busy { retry_after } => return Verification::Busy { retry_after },
            };
            match verify(&keys, trial) {
                Ok((verified, key)) => {
                    if kid.is_none() {
                        self.verified(algorithm, key);
                    }
                    return Verification::Verified(verified, key);
                }
                Err(SignatureError::NoBudget) => return Verification::Busy { retry_after: RETRY_AFTER_VERIFICATIONS },
                // The keys have no kid either, so a new one may have made the signature.
                Err(error @ SignatureError::NoKid { .. }) => match self.look_beyond(&keys, times, now) {
                    Lookup::Unknown => return Verification::Refused(error),
                    other => lookup = other,
                },
                Err(error @ (SignatureError::NoKey | SignatureError::Mismatch)) => {
                    self.on_signature_mismatch(now);
                    return Verification::Refused(error);
                }
            }
        }
    }
}
