use std::path::{Path, PathBuf};

/// A folder for what the run needs, until it is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> std::io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("tower-bearer-soak-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Where tenants are recorded.
    pub(crate) fn database(&self) -> PathBuf {
        self.0.join("tenants")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is in a folder for what is not needed for long.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
