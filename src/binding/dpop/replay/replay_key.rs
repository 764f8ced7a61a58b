use std::fmt;

use aws_lc_rs::digest;
use smallvec::SmallVec;

/// Separates these hashes from others, and versions of them from each other.
const LABEL: &[u8] = b"tower-bearer DPoP proof v1";
const HOLDER_LABEL: &[u8] = b"tower-bearer DPoP proof key v1";

/// Identifies a DPoP proof: a hash of the proof's key, its request and its `jti`.
///
/// It is the SHA-256 of `jkt`, `htm`, `htu` and `jti`, each with its length, so that different quadruples are never hashed alike (RFC 9449
/// §11.1). Its length does not depend on what a client sends, and it contains nothing that a client sent. Every server of a fleet
/// derives the same key from the same proof.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReplayKey {
    proof: [u8; 32],
    holder: [u8; 16],
}

impl ReplayKey {
    /// Derives the key of a proof: the thumbprint of its key (RFC 7638), its method, its normalised target URI and its `jti`.
    ///
    /// The server does this. It is public for the tests of a [`ReplayStore`](super::ReplayStore).
    #[must_use]
    pub fn new(jkt: &str, htm: &str, htu: &str, jti: &str) -> Self {
        let holder = hash(HOLDER_LABEL, [jkt]);
        let [holder @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = holder;
        Self { proof: hash(LABEL, [jkt, htm, htu, jti]), holder }
    }

    /// The 32 bytes under which a store keeps the proof, for example as the end of a key in Redis.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.proof
    }

    /// The first 16 bytes of a hash of `jkt`, by which a store can limit how many proofs of one client key it holds.
    #[must_use]
    pub fn holder(&self) -> &[u8; 16] {
        &self.holder
    }
}

impl fmt::Debug for ReplayKey {
    /// Without the hashes, by which entries of a shared store could be found.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayKey").finish_non_exhaustive()
    }
}

/// The SHA-256 of the label and the texts, each after its length in 8 bytes.
fn hash<const N: usize>(label: &[u8], texts: [&str; N]) -> [u8; 32] {
    // In one piece: each call of the digest costs more than the bytes do.
    let mut input = SmallVec::<[u8; 512]>::new();
    for part in [label].into_iter().chain(texts.map(str::as_bytes)) {
        input.extend_from_slice(&(part.len() as u64).to_be_bytes());
        input.extend_from_slice(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, &input).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts_and_none_runs_into_the_next() {
        let quadruples = [
            ["a", "b", "c", "d"],
            ["A", "b", "c", "d"],
            ["a", "B", "c", "d"],
            ["a", "b", "C", "d"],
            ["a", "b", "c", "D"],
            ["ab", "", "c", "d"],
            ["", "ab", "c", "d"],
            ["a", "bc", "", "d"],
            ["a", "b", "cd", ""],
            ["a", "b", "", "cd"],
            ["b", "a", "c", "d"],
            ["a", "b", "c", "d\0"],
            ["", "", "", ""],
        ];
        let keys = quadruples.map(|[jkt, htm, htu, jti]| ReplayKey::new(jkt, htm, htu, jti));
        for (at, key) in keys.iter().enumerate() {
            let same = keys.iter().filter(|other| other.as_bytes() == key.as_bytes()).count();
            assert_eq!(same, 1, "{:?}", quadruples[at]);
        }
    }

    /// Otherwise instances of two versions would not see each other's proofs.
    #[test]
    fn a_proof_has_the_same_key_everywhere() {
        let input = [
            &26_u64.to_be_bytes()[..],
            b"tower-bearer DPoP proof v1",
            &1_u64.to_be_bytes(),
            b"k",
            &4_u64.to_be_bytes(),
            b"POST",
            &14_u64.to_be_bytes(),
            b"https://a.com/",
            &2_u64.to_be_bytes(),
            "é".as_bytes(),
        ];
        let key = ReplayKey::new("k", "POST", "https://a.com/", "é");
        assert_eq!(key.as_bytes(), digest::digest(&digest::SHA256, &input.concat()).as_ref());
    }

    #[test]
    fn the_holder_depends_on_the_key_alone() {
        let holder = |jkt, jti| *ReplayKey::new(jkt, "GET", "https://a.com/", jti).holder();
        assert_eq!(holder("k", "1"), holder("k", "2"));
        assert_ne!(holder("k", "1"), holder("l", "1"));
    }

    #[test]
    fn debug_shows_no_hash() {
        assert_eq!(format!("{:?}", ReplayKey::new("k", "GET", "https://a.com/", "1")), "ReplayKey { .. }");
    }
}
