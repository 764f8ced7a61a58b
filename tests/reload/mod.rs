//! A server that follows its configuration file: what changes counts at once, what does not change stays, and a mistake changes nothing.

mod changed;
mod kept;
mod load;
mod load_clients;
mod metadata;
mod mistakes;
mod nested;
mod polling;
mod proofs;
mod tenants;
mod tenants_handle;
mod waiting;

use std::fs;
use std::path::{Path, PathBuf};

use axum::Router;
use tower_bearer::ResourceServer;
use tower_bearer::config::{self, Watch, Watched};
use tower_bearer::testing::TestIssuer;

use crate::harness::{AUDIENCE, app};

/// A folder that is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("reload-{:016x}", fastrand::u64(..)));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// Replaces a file by a rename.
    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let (path, temporary) = (self.0.join(name), self.0.join(format!("{name}.tmp")));
        fs::write(&temporary, content).unwrap();
        fs::rename(temporary, &path).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A server that follows a file, and a layer that was made at the start.
struct Rig {
    folder: Folder,
    path: PathBuf,
    watched: Watched,
    api: ResourceServer,
    app: Router,
}

impl Rig {
    /// A server that reads the file only when it is told to.
    fn new(document: &str) -> Self {
        Self::with(document, |watch| watch)
    }

    fn with(document: &str, change: impl FnOnce(Watch) -> Watch) -> Self {
        let folder = Folder::new();
        let path = folder.write("api.toml", document);
        let watch = config::watch(&path, |text| toml::from_str(text)).without_polling();
        let watched = change(watch).start().unwrap();
        let api = watched.server();
        Self { path, app: app(&api), api, watched, folder }
    }

    fn write(&self, document: &str) {
        self.folder.write("api.toml", document);
    }

    /// Replaces the file, and reads it.
    async fn reload(&self, document: &str) -> config::Reloaded {
        self.write(document);
        self.watched.reload().await.unwrap()
    }
}

/// The settings of a server for `AUDIENCE` that trusts these issuers, with more settings of its own.
fn document(own: &str, issuers: &[&TestIssuer]) -> String {
    let issuers: String = issuers.iter().map(|issuer| of(issuer, "")).collect();
    format!("audience = {AUDIENCE:?}\n{own}\n{issuers}")
}

/// The settings of an issuer.
fn of(issuer: &TestIssuer, more: &str) -> String {
    format!("[[issuers]]\nissuer = {:?}\n{more}\n", issuer.url())
}
