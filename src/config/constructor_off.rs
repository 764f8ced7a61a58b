//! Like `constructor.rs`, but without the feature `http-client`: the keys of every issuer are in a file.

use super::path::Path;
use super::reader::{Reader, Table};
use super::stand_in;
use crate::Issuer;
use crate::keys::KeyFile;
use crate::server::ConfigError;

/// The problem of a setting that needs keys to be fetched.
const NEEDS_CLIENT: &str =
    "the feature http-client is off, so keys cannot be fetched: expected an issuer and a jwks_file";

pub(super) struct Construction {
    pub(super) issuer: Option<Issuer>,
    pub(super) arguments: [&'static str; 0],
}

pub(super) fn read(reader: &mut Reader, table: &mut Table) -> Construction {
    Construction { issuer: issuer(reader, table), arguments: [] }
}

pub(super) fn discover(reader: &mut Reader, path: &Path, _: &str) -> Option<Issuer> {
    reader.refuse(path, NEEDS_CLIENT);
    None
}

fn issuer(reader: &mut Reader, table: &mut Table) -> Option<Issuer> {
    let (preset, url, file) = (table.get("preset"), table.get("jwks_url"), table.get("jwks_file"));
    let others = [table.get("persist_keys"), table.get("insecure_http")];
    if let Some(node) = preset.or(url).or(others.into_iter().flatten().next()) {
        reader.refuse(&node.path, NEEDS_CLIENT);
        table.accept_all();
        return None;
    }
    let node = table.require(reader, "issuer", "an identifier")?;
    let identifier = reader.string(&node)?;
    let Some(file) = file else { return discover(reader, &node.path, identifier) };
    let path = reader.string(&file).unwrap_or(stand_in::NAME);
    reader.accept(&file.path, ConfigError::check_text("file of keys", path));
    reader.accept(&node.path, Issuer::keys(identifier, KeyFile::new(path)))
}
