//! The constructors of [`Issuer`], and which of them the settings of an issuer mean.

use super::path::Path;
use super::preset::{PRESETS, Preset};
use super::reader::{Reader, Table};
use super::stand_in;
use crate::Issuer;
use crate::keys::{KeyFile, RemoteKeys};
use crate::server::ConfigError;

/// What a constructor makes of the settings.
pub(super) struct Construction {
    /// `None` if there is a problem.
    pub(super) issuer: Option<Issuer>,
    /// The names of the settings that the constructor took as arguments.
    pub(super) arguments: Vec<&'static str>,
}

/// The issuer of the settings in `table`, with its keys.
pub(super) fn read(reader: &mut Reader, table: &mut Table) -> Construction {
    let constructor = Constructor::read(reader, table);
    let keys = Keys::read(reader, table);
    let persist_keys = table.get("persist_keys").and_then(|node| reader.string(&node));
    let Some(constructor) = constructor else { return Construction { issuer: None, arguments: Vec::new() } };
    let issuer = constructor.make(reader, table, keys.as_ref()).map(|issuer| match persist_keys {
        Some(path) => issuer.persist_keys(path),
        None => issuer,
    });
    Construction { issuer, arguments: constructor.arguments() }
}

/// The issuer with this identifier, whose metadata names its keys.
pub(super) fn discover(reader: &mut Reader, path: &Path, identifier: &str) -> Option<Issuer> {
    reader.accept(path, Issuer::discover(identifier))
}

/// The kind of constructor that makes the issuer.
enum Constructor<'t> {
    Identifier { path: Path, identifier: &'t str },
    Preset(&'static Preset),
}

impl<'t> Constructor<'t> {
    fn read(reader: &mut Reader, table: &mut Table<'t>) -> Option<Self> {
        let constructor = if let Some(node) = table.get("preset") {
            reader.one_of(&node, &PRESETS.each_ref().map(|preset| (preset.name, preset))).map(Self::Preset)
        } else {
            let node = table.require(reader, "issuer", "an identifier, or a preset instead");
            node.and_then(|node| Some(Self::Identifier { identifier: reader.string(&node)?, path: node.path }))
        };
        if constructor.is_none() {
            // There is a problem already. The arguments of any preset may be meant, so none of them is another problem.
            for argument in PRESETS.iter().flat_map(|preset| preset.arguments) {
                table.get(argument.name);
            }
        }
        constructor
    }

    fn make(&self, reader: &mut Reader, table: &mut Table, keys: Option<&Keys>) -> Option<Issuer> {
        match self {
            Self::Identifier { path, identifier } => {
                let issuer = match keys {
                    None => Issuer::discover(identifier),
                    Some(Keys::Url(url)) => Issuer::jwks(identifier, url),
                    Some(Keys::File(file)) => Issuer::keys(identifier, KeyFile::new(file)),
                };
                reader.accept(path, issuer)
            }
            Self::Preset(preset) => {
                let issuer = preset.read(reader, table)?;
                Some(match keys {
                    None => issuer,
                    Some(Keys::Url(url)) => issuer.keys_from(RemoteKeys::at(url).ok()?),
                    Some(Keys::File(file)) => issuer.keys_from(KeyFile::new(file)),
                })
            }
        }
    }

    fn arguments(&self) -> Vec<&'static str> {
        match self {
            Self::Identifier { .. } => Vec::new(),
            Self::Preset(preset) => preset.arguments.iter().map(|argument| argument.name).collect(),
        }
    }
}

/// The place of the keys, if it is set.
enum Keys<'t> {
    /// A valid URL.
    Url(&'t str),
    File(&'t str),
}

impl<'t> Keys<'t> {
    fn read(reader: &mut Reader, table: &mut Table<'t>) -> Option<Self> {
        let (url, file) = (table.get("jwks_url"), table.get("jwks_file"));
        if let (Some(_), Some(file)) = (&url, &file) {
            reader.refuse(&file.path, "expected either jwks_url or jwks_file, found both");
        }
        if let Some(node) = url {
            let url = reader.string(&node).unwrap_or(stand_in::URL);
            let accepted = reader.accept(&node.path, Issuer::jwks(stand_in::NAME, url));
            return Some(Self::Url(accepted.map_or(stand_in::URL, |_| url)));
        }
        let node = file?;
        let path = reader.string(&node).unwrap_or(stand_in::NAME);
        reader.accept(&node.path, ConfigError::check_text("file of keys", path));
        Some(Self::File(path))
    }
}
