use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fetch_error::FetchError;
use super::source::{FetchFuture, FetchRequest, Fetched, KeySource, MAX_DOCUMENT_BYTES};
use crate::jose::JwkSet;

/// How long keys from a file are fresh: short, because reading a file costs little.
const LIFETIME: Duration = Duration::from_secs(60);

/// Keys in a file that contains a JWK Set of at most 256 KiB. The file is read again about every 50 seconds, so replacing it rotates
/// the keys.
#[derive(Clone, Debug)]
pub struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    /// The keys in the file at `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl KeySource for KeyFile {
    fn fetch<'a>(&'a self, _: FetchRequest<'a>) -> FetchFuture<'a> {
        let path = self.path.clone();
        Box::pin(async move {
            let document = tokio::task::spawn_blocking({
                let path = path.clone();
                move || read(&path, MAX_DOCUMENT_BYTES)
            });
            let document = document.await.unwrap_or_else(|error| Err(error.into()));
            let document = document.map_err(|error| FetchError::File { path: path.clone(), kind: error.kind() })?;
            let keys = JwkSet::from_json(&document)
                .map_err(|reason| FetchError::Keys { place: Some(path.display().to_string().into()), reason })?;
            Ok(Fetched::keys(keys).lifetime(LIFETIME))
        })
    }
}

/// Reads a regular file of at most `limit` bytes.
pub(super) fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    // Reading from a pipe may never end.
    if !std::fs::metadata(path)?.is_file() {
        return Err(ErrorKind::InvalidInput.into());
    }
    let mut document = Vec::new();
    std::fs::File::open(path)?.take(limit as u64 + 1).read_to_end(&mut document)?;
    if document.len() > limit { Err(ErrorKind::FileTooLarge.into()) } else { Ok(document) }
}
