use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::persisted_set::{MAX_FILE_BYTES, PersistError, PersistedSet, SourceIdentity};
use crate::jose::JwkSet;
use crate::keys::Seed;
use crate::keys::file;
use crate::keys::persistence::{BlockingWork, HeldKeys, Persistence};

/// The file in which the keys of one source survive the process.
///
/// One thread at a time writes it, and keys that come meanwhile are written next. If more come, only the newest are: a disk that does
/// not answer holds one thread.
pub(super) struct PersistedFile {
    path: PathBuf,
    source: SourceIdentity,
    writer: Mutex<Writer>,
}

#[derive(Default)]
struct Writer {
    is_running: bool,
    next: Option<HeldKeys>,
    /// The reason of the last failure, unless a success followed.
    failure: Option<String>,
}

impl PersistedFile {
    pub(super) fn new(path: PathBuf, source: SourceIdentity) -> Self {
        Self { path, source, writer: Mutex::default() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The keys in the file. A file that cannot be used is reported, and one that does not exist yet is not.
    pub(super) fn seed(&self) -> Option<Seed> {
        let (path, source) = (&self.path, self.source.name());
        match self.read().and_then(|set| self.seed_of(&set)) {
            Ok(seed) => Some(seed),
            Err(PersistError::Io(error)) if error.kind() == ErrorKind::NotFound => {
                tracing::debug!(?path, source, "there are no persisted keys yet");
                None
            }
            Err(reason) => {
                tracing::warn!(?path, source, %reason, "the file of persisted keys is ignored");
                None
            }
        }
    }

    fn seed_of(&self, set: &PersistedSet) -> Result<Seed, PersistError> {
        let keys = JwkSet::from_json(set.jwks.as_bytes())?;
        let as_of = set.as_of().ok_or(PersistError::Malformed)?;
        let seed = Seed::keys(keys).as_of(as_of).lifetime(set.lifetime());
        Ok(seed.fetched_at_age(set.age()).read_from(self.path.clone()))
    }

    fn read(&self) -> Result<PersistedSet, PersistError> {
        let set = PersistedSet::decode(&file::read(&self.path, MAX_FILE_BYTES)?)?;
        self.source.check(&set.source)?;
        Ok(set)
    }

    /// Writes the keys, unless the file has newer ones of another process. If that fails, the file is removed, because it may hold
    /// keys that have been withdrawn since.
    fn write(&self, keys: &HeldKeys) -> Result<(), Failure> {
        let written = match self.read() {
            Err(reason @ PersistError::NotAFile) => return Err(Failure::new(&reason, "it remains")),
            held => PersistedSet::new(&self.source, keys).and_then(|set| match held {
                Ok(held) if held.is_fresh_and_newer(&set, keys.now) => Ok(()),
                _ => replace(&self.path, &set.encode().map_err(PersistError::Io)?).map_err(PersistError::Io),
            }),
        };
        let Err(reason) = written else { return Ok(()) };
        let remains = match fs::remove_file(&self.path) {
            Ok(()) => "the old file was removed",
            Err(error) if error.kind() == ErrorKind::NotFound => "there is no file",
            Err(_) => "the old file remains, and is used until its keys are too old",
        };
        Err(Failure::new(&reason, remains))
    }

    fn write_all(&self) {
        while let Some(keys) = self.next() {
            self.report(self.write(&keys));
        }
    }

    fn next(&self) -> Option<HeldKeys> {
        let mut writer = self.writer();
        let next = writer.next.take();
        writer.is_running = next.is_some();
        next
    }

    /// Reports what has changed since the last time.
    fn report(&self, written: Result<(), Failure>) {
        let (path, source) = (&self.path, self.source.name());
        let reason = written.as_ref().err().map(|failure| failure.reason.clone());
        let before = mem::replace(&mut self.writer().failure, reason);
        match (before, written) {
            (None, Ok(())) => tracing::debug!(?path, source, "the keys are persisted"),
            (Some(_), Ok(())) => tracing::info!(?path, source, "the keys can be persisted again"),
            (Some(before), Err(Failure { reason, .. })) if before == reason => {
                tracing::debug!(?path, source, reason, "the keys still cannot be persisted");
            }
            (_, Err(Failure { reason, remains })) => {
                tracing::warn!(?path, source, reason, remains, "the keys cannot be persisted");
            }
        }
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Persistence for PersistedFile {
    fn persist(self: Arc<Self>, keys: HeldKeys) -> Option<BlockingWork> {
        let mut writer = self.writer();
        writer.next = Some(keys);
        if mem::replace(&mut writer.is_running, true) {
            return None;
        }
        drop(writer);
        let work = Work { file: self, is_done: false };
        Some(Box::new(move || work.run()))
    }
}

/// Why the keys were not written, and what became of the file before.
struct Failure {
    reason: String,
    remains: &'static str,
}

impl Failure {
    fn new(reason: &PersistError, remains: &'static str) -> Self {
        Self { reason: reason.to_string(), remains }
    }
}

/// The thread that writes, or the plan to start it.
struct Work {
    file: Arc<PersistedFile>,
    is_done: bool,
}

impl Work {
    fn run(mut self) {
        self.file.write_all();
        self.is_done = true;
    }
}

impl Drop for Work {
    /// Work that a runtime dropped at its end writes nothing, so the next keys need another thread.
    fn drop(&mut self) {
        if !self.is_done {
            self.file.writer().is_running = false;
        }
    }
}

impl fmt::Debug for PersistedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PersistedFile").field(&self.path).finish()
    }
}

/// Replaces the file by a new one that only its owner may read and write. A reader finds the old content or the new, and nothing
/// in between.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let Some(name) = path.file_name() else { return Err(ErrorKind::InvalidFilename.into()) };
    let mut temporary = OsString::from(".");
    temporary.push(name);
    // Other processes, also those of other containers, may write the same file.
    temporary.push(format!(".{:016x}.tmp", fastrand::u64(..)));
    let temporary = path.with_file_name(temporary);
    let mut file = create(&temporary)?;
    // Without `sync_all` a power failure after the rename could leave an empty file.
    let written = file.write_all(content).and_then(|()| file.sync_all());
    drop(file);
    let replaced = written.and_then(|()| fs::rename(&temporary, path));
    if replaced.is_err() {
        drop(fs::remove_file(&temporary));
    }
    replaced
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::*;
    use crate::keys::persistence::RawKeySet;

    fn keys(as_of: SystemTime) -> HeldKeys {
        let document = RawKeySet(r#"{"keys":[]}"#.into());
        HeldKeys { document, as_of, age: Duration::ZERO, lifetime: Duration::from_secs(600), now: as_of }
    }

    /// The first write has not started, and its thread may never start.
    #[test]
    fn one_thread_writes_the_newest_keys_and_dropped_work_is_replaced() {
        let path =
            std::env::temp_dir().join(format!("tower-bearer-{}-{:x}.json", std::process::id(), fastrand::u64(..)));
        let source = SourceIdentity::new("issuer", "https://id.example.com");
        let file = Arc::new(PersistedFile::new(path.clone(), source));
        let at = |seconds| keys(UNIX_EPOCH + Duration::from_secs(seconds));
        let persist = |seconds| Arc::clone(&file).persist(at(seconds));
        let work = persist(1).unwrap();
        assert!(persist(2).is_none(), "the first will write it");
        drop(work);
        let work = persist(3).expect("the first will write nothing");
        assert!(persist(4).is_none());
        work();
        assert_eq!(file.read().unwrap().as_of(), Some(UNIX_EPOCH + Duration::from_secs(4)));
        persist(5).expect("nothing is left to write")();
        assert_eq!(file.read().unwrap().as_of(), Some(UNIX_EPOCH + Duration::from_secs(5)));
        fs::remove_file(path).unwrap();
    }
}
