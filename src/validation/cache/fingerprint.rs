use siphasher::sip128::SipHasher24;

/// Identifies a token without its text: SipHash-2-4 with 128 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint(pub(super) u128);

/// Makes the fingerprints of one cache. Its key is random and secret, so that strangers cannot make two tokens collide.
pub(crate) struct Fingerprinter(SipHasher24);

impl Fingerprinter {
    /// `None` if the system has no randomness for a key.
    pub(crate) fn new() -> Option<Self> {
        let mut key = [0; 16];
        aws_lc_rs::rand::fill(&mut key).ok()?;
        Some(Self(SipHasher24::new_with_key(&key)))
    }

    pub(crate) fn of(&self, token: &str) -> Fingerprint {
        Fingerprint(self.0.hash(token.as_bytes()).as_u128())
    }
}
