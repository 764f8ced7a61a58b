//! The content of a file of persisted keys: what is in it, and how it is checked. No I/O.
//!
//! It is one JSON object. Its last member is a checksum of everything before it, so that nothing is parsed that this crate has not
//! written. It protects against accidents, and not against an attacker who can write the file and compute a checksum.

use std::fmt::Write as _;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use crate::jose::{JwkSetError, read_struct};
use crate::keys::persistence::HeldKeys;
use crate::keys::schedule::MAX_LIFETIME;
use crate::keys::seed_age::CLOCK_TOLERANCE;
use crate::keys::source::MAX_DOCUMENT_BYTES;
use crate::redact::{self, Excerpt};

/// The name and the version of the format.
const FORMAT: &str = "tower-bearer keys 1";
/// The most bytes of a file: JSON escapes a character of a JSON document with one more byte, and the other members are short.
pub(super) const MAX_FILE_BYTES: usize = 2 * MAX_DOCUMENT_BYTES + 4096;
const SEAL_BYTES: usize = r#","sha256":""}"#.len() + 2 * digest::SHA256_OUTPUT_LEN + 1;

/// A key set, its times, and the source that it came from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PersistedSet {
    format: String,
    pub(super) source: SourceIdentity,
    /// In seconds since 1970, rounded down: the start of the fetch, less the age that the document had then.
    as_of: u64,
    /// That age, in seconds.
    age: u64,
    /// How long the document is fresh from the start of the fetch, in seconds.
    lifetime: u64,
    /// The document of the issuer, which is parsed as if it had just been fetched.
    pub(super) jwks: String,
}

/// The place that keys come from. A file of another source is not used.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceIdentity {
    /// For people: without secrets.
    name: String,
    /// The SHA-256 hash of the whole identifier. A URL may contain an API key, which has no place in the file.
    sha256: String,
}

/// Why a file of persisted keys is not used, or is not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum PersistError {
    #[error("{0}")]
    Io(io::Error),
    #[error("it is not a regular file")]
    NotAFile,
    #[error("it is larger than {MAX_FILE_BYTES} bytes")]
    TooLarge,
    #[error("its checksum does not match: it is damaged, or another program wrote it")]
    Damaged,
    #[error("its format is {found:?}, expected {FORMAT:?}")]
    Format { found: Excerpt },
    #[error("it is not of the format {FORMAT:?}")]
    Malformed,
    #[error("it holds keys of {found:?}, expected those of {expected:?}")]
    Foreign { found: Excerpt, expected: Excerpt },
    #[error("{0}")]
    Keys(#[from] JwkSetError),
    #[error("the key set is not UTF-8 text")]
    NotUtf8,
}

impl PersistedSet {
    pub(super) fn new(source: &SourceIdentity, keys: &HeldKeys) -> Result<Self, PersistError> {
        let jwks = String::from_utf8(keys.document.0.to_vec()).map_err(|_| PersistError::NotUtf8)?;
        Ok(Self {
            format: FORMAT.to_owned(),
            source: source.clone(),
            as_of: keys.as_of.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            age: keys.age.as_secs(),
            lifetime: keys.lifetime.as_secs(),
            jwks,
        })
    }

    pub(super) fn as_of(&self) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(Duration::from_secs(self.as_of))
    }

    pub(super) fn age(&self) -> Duration {
        Duration::from_secs(self.age)
    }

    pub(super) fn lifetime(&self) -> Duration {
        Duration::from_secs(self.lifetime)
    }

    /// Whether it is as of a later time than `other`, and not stale. Then `other` came from an outdated cache.
    pub(super) fn is_fresh_and_newer(&self, other: &Self, now: SystemTime) -> bool {
        let fetched = self.as_of().and_then(|as_of| as_of.checked_add(self.age()));
        let is_fresh = fetched.is_some_and(|fetched| match now.duration_since(fetched) {
            Ok(ago) => ago < self.lifetime().min(MAX_LIFETIME),
            Err(ahead) => ahead.duration() <= CLOCK_TOLERANCE,
        });
        is_fresh && self.as_of > other.as_of
    }

    pub(super) fn encode(&self) -> io::Result<Vec<u8>> {
        let mut content = serde_json::to_vec(self)?;
        // The brace, which the seal has too.
        content.pop();
        let seal = seal(&content);
        content.extend_from_slice(seal.as_bytes());
        Ok(content)
    }

    pub(super) fn decode(file: &[u8]) -> Result<Self, PersistError> {
        #[derive(Deserialize)]
        struct Versioned {
            format: String,
        }
        let (content, found) =
            file.len().checked_sub(SEAL_BYTES).map(|at| file.split_at(at)).ok_or(PersistError::Damaged)?;
        if found != seal(content).as_bytes() {
            return Err(PersistError::Damaged);
        }
        let json = [content, b"}"].concat();
        let Versioned { format } = read_struct(&json).ok_or(PersistError::Malformed)?;
        if format != FORMAT {
            return Err(PersistError::Format { found: format.into() });
        }
        read_struct(&json).ok_or(PersistError::Malformed)
    }
}

impl SourceIdentity {
    /// What is at `url`: a key set, or an issuer that has one.
    pub(super) fn new(kind: &str, url: &str) -> Self {
        Self { name: redact::url(url), sha256: sha256(format!("{kind} {url}").as_bytes()) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn check(&self, found: &Self) -> Result<(), PersistError> {
        if found.sha256 == self.sha256 {
            return Ok(());
        }
        Err(PersistError::Foreign { found: redact::url(&found.name).into(), expected: (&*self.name).into() })
    }
}

impl From<io::Error> for PersistError {
    /// As [`file::read`](crate::keys::file::read) reports them.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidInput => Self::NotAFile,
            io::ErrorKind::FileTooLarge => Self::TooLarge,
            _ => Self::Io(error),
        }
    }
}

/// The end of a file: the checksum of what is before it, and the brace.
fn seal(content: &[u8]) -> String {
    format!(",\"sha256\":\"{}\"}}\n", sha256(content))
}

fn sha256(bytes: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, bytes);
    hash.as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
