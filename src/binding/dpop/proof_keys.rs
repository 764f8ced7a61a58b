use std::fmt;
use std::sync::Arc;

use quick_cache::sync::Cache;

use crate::jose::{Algorithm, EmbeddedKey, ParsedKey, Thumbprint, UnusableJwk};

/// The maximum number of keys that are kept. Each belongs to one client, and takes up to about 3 KB.
const CAPACITY: usize = 1024;

/// The parsed keys of proofs that were verified, by thumbprint: a client signs all its proofs with one key.
///
/// Only the key of a proof with a valid signature enters, so a stranger evicts no client's key. An evicted key is parsed again.
pub(crate) struct ProofKeys {
    parsed: Cache<(Thumbprint, Algorithm), Arc<ParsedKey>>,
}

impl ProofKeys {
    pub(crate) fn new() -> Self {
        Self { parsed: Cache::new(CAPACITY) }
    }

    /// Whether `signature` is the key's over `message`.
    pub(super) fn verify(&self, key: &EmbeddedKey, message: &[u8], signature: &[u8]) -> Result<bool, UnusableJwk> {
        let name = (key.thumbprint().clone(), key.algorithm());
        if let Some(parsed) = self.parsed.get(&name) {
            return Ok(parsed.verify(message, signature));
        }
        let parsed = key.parse()?;
        let is_valid = parsed.verify(message, signature);
        if is_valid {
            self.parsed.insert(name, Arc::new(parsed));
        }
        Ok(is_valid)
    }

    /// How many keys are kept.
    pub(crate) fn len(&self) -> usize {
        self.parsed.len()
    }
}

impl fmt::Debug for ProofKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofKeys").field("len", &self.len()).finish_non_exhaustive()
    }
}
