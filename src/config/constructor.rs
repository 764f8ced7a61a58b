//! The constructors of [`Issuer`], and which of them an issuer's settings select.

use super::aliases;
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
    // What cannot be read is one problem, and causes no other.
    let plain_http =
        table.get("insecure_http").is_some_and(|node| reader.boolean(&node, "true or false").unwrap_or(true));
    let Some(constructor) = constructor else { return Construction { issuer: None, arguments: Vec::new() } };
    let issuer = constructor.make(reader, table, keys.as_ref(), plain_http).map(|issuer| match persist_keys {
        Some(path) => issuer.persist_keys(path),
        None => issuer,
    });
    let issuer = if plain_http { issuer.map(Issuer::insecure_http) } else { issuer };
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
            let presets: Vec<_> = PRESETS.iter().map(|preset| (preset.name, preset)).collect();
            reader.one_of_or(&node, &presets, aliases::hint).map(Self::Preset)
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

    fn make(&self, reader: &mut Reader, table: &mut Table, keys: Option<&Keys>, plain_http: bool) -> Option<Issuer> {
        match self {
            Self::Identifier { path, identifier } => {
                let issuer = match keys {
                    None => Issuer::discover(identifier),
                    Some(Keys::Url(_, url)) => Issuer::jwks(identifier, url),
                    Some(Keys::File(file)) => Issuer::keys(identifier, KeyFile::new(file)),
                };
                reader.accept(path, issuer)
            }
            Self::Preset(preset) => {
                let issuer = preset.read(reader, table)?;
                if preset.needs_keys && keys.is_none() {
                    reader.refuse(
                        table.path(),
                        "expected jwks_url or jwks_file, because the preset does not know the keys",
                    );
                    return None;
                }
                Some(match keys {
                    None => issuer,
                    Some(Keys::Url(path, url)) => {
                        let keys = RemoteKeys::insecure_http_at(url).ok()?;
                        let refused = || ConfigError::PlainHttp { url: (*url).to_owned() };
                        let is_acceptable = plain_http || RemoteKeys::at(url).is_ok();
                        reader.accept(path, is_acceptable.then_some(()).ok_or_else(refused))?;
                        issuer.keys_from(keys)
                    }
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
    /// A valid URL, and the place of the setting.
    Url(Path, &'t str),
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
            return Some(Self::Url(node.path, accepted.map_or(stand_in::URL, |_| url)));
        }
        let node = file?;
        let path = reader.string(&node).unwrap_or(stand_in::NAME);
        reader.accept(&node.path, ConfigError::check_text("file of keys", path));
        Some(Self::File(path))
    }
}
