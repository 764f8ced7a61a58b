use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read};
use std::path::Path;

/// More than any file of a secret or a key has.
const MAX_NAMED_FILE: u64 = 64 * 1024;

/// Identifies the content of a configuration file and of the files that it names, or why they cannot be read. A keyed hash: contents may
/// be secret, and are not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp(u64);

impl Stamp {
    pub(super) fn of<'f>(
        key: &RandomState,
        content: &io::Result<Vec<u8>>,
        named: impl IntoIterator<Item = &'f Path>,
    ) -> Self {
        let mut hasher = key.build_hasher();
        add(&mut hasher, content);
        for path in named {
            add(&mut hasher, &read(path, MAX_NAMED_FILE));
        }
        Self(hasher.finish())
    }
}

fn add(hasher: &mut impl Hasher, content: &io::Result<Vec<u8>>) {
    match content {
        Ok(content) => {
            hasher.write_u64(content.len() as u64);
            hasher.write(content);
        }
        Err(error) => {
            hasher.write_u64(u64::MAX);
            hasher.write(error.kind().to_string().as_bytes());
        }
    }
}

/// At most one byte more than `limit` of a regular file: reading from a pipe may never end.
pub(super) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let kind = std::fs::metadata(path)?.file_type();
    if kind.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !kind.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut content = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut content)?;
    Ok(content)
}
