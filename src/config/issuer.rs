//! The settings of the issuers.

use super::nearest::nearest;
use super::path::Path;
use super::preset::{PRESETS, Preset};
use super::reader::{Node, Reader, Table};
use super::stand_in;
use super::tree::Tree;
use crate::Issuer;
use crate::jose::{Algorithm, UnknownAlgorithm};
use crate::keys::{KeyFile, RemoteKeys};
use crate::redact;
use crate::server::check_text;

/// All issuers of a list, with a stand-in in the place of each that cannot be read.
pub(super) fn read_all(reader: &mut Reader, node: &Node) -> Vec<Issuer> {
    let issuers: Vec<Issuer> = match (node.tree, node.elements()) {
        (Tree::Variable(text), _) => {
            let words = reader.words(node, text).into_iter().enumerate();
            let issuer = |(at, (path, word)): (usize, (Path, Option<&str>))| match word {
                Some(identifier) => discovered(reader, &path, identifier, at),
                None => stand_in::issuer(at),
            };
            words.map(issuer).collect()
        }
        (_, Some(elements)) => elements.iter().enumerate().map(|(at, element)| read(reader, element, at)).collect(),
        _ => {
            reader.expect(node, "a list of issuers");
            return Vec::new();
        }
    };
    if issuers.is_empty() {
        reader.refuse(&node.path, "expected at least one issuer, found an empty list");
    }
    issuers
}

fn read(reader: &mut Reader, node: &Node, at: usize) -> Issuer {
    if let Tree::String(identifier) | Tree::Variable(identifier) = node.tree {
        return discovered(reader, &node.path, identifier, at);
    }
    let Some(mut table) = reader.table(node, "an identifier or a table") else { return stand_in::issuer(at) };
    let constructor = Constructor::read(reader, &mut table);
    let keys = Keys::read(reader, &mut table);
    let issuer = constructor.as_ref().and_then(|constructor| constructor.make(reader, &mut table, keys));
    let takes = |argument: &str| constructor.as_ref().is_some_and(|constructor| constructor.takes(argument));
    let issuer = with_rules(reader, &mut table, takes, issuer.unwrap_or_else(|| stand_in::issuer(at)));
    table.finish(reader);
    issuer
}

fn discovered(reader: &mut Reader, path: &Path, identifier: &str, at: usize) -> Issuer {
    reader.accept(path, Issuer::discover(identifier)).unwrap_or_else(|| stand_in::issuer(at))
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

    fn make(&self, reader: &mut Reader, table: &mut Table, keys: Option<Keys>) -> Option<Issuer> {
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

    fn takes(&self, argument: &str) -> bool {
        matches!(self, Self::Preset(preset) if preset.arguments.iter().any(|known| known.name == argument))
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
        reader.accept(&node.path, check_text("file of keys", path));
        Some(Self::File(path))
    }
}

/// The issuer with the settings that every issuer has. Those that its constructor `takes` as an argument have been read.
fn with_rules(reader: &mut Reader, table: &mut Table, takes: impl Fn(&str) -> bool, mut issuer: Issuer) -> Issuer {
    if let Some(node) = table.get("audiences") {
        let audiences = reader.strings(&node, stand_in::AUDIENCE);
        if audiences.is_empty() {
            reader.refuse(
                &node.path,
                "expected at least one audience, found an empty list; leave the setting out for the server's audience",
            );
        }
        issuer = audiences.into_iter().fold(issuer, |issuer, (_, audience)| issuer.audience(audience));
    }
    let mut names = |argument, setting| {
        let node = if takes(argument) { None } else { table.get(setting) };
        node.map(|node| reader.strings(&node, stand_in::NAME).into_iter().map(|(_, name)| name))
    };
    if let Some(clients) = names("clients", "clients_instead_of_audience") {
        issuer = issuer.clients_instead_of_audience(clients);
    }
    if let Some(subjects) = names("subjects", "subjects") {
        issuer = issuer.subjects(subjects);
    }
    if let Some(node) = table.get("algorithms") {
        let names = reader.strings(&node, Algorithm::ES256.name());
        let algorithms: Vec<_> = names.iter().map(|(path, name)| algorithm(reader, path, name)).collect();
        issuer = issuer.algorithms(algorithms);
    }
    issuer
}

fn algorithm(reader: &mut Reader, path: &Path, name: &str) -> Algorithm {
    name.parse().unwrap_or_else(|_| {
        let is_like = |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        let hint = if is_like("none") {
            "; a token without a signature can be written by anyone".to_owned()
        } else if is_like("HS") {
            "; anyone with the secret that verifies an HMAC can also create tokens".to_owned()
        } else {
            let meant = nearest(name, Algorithm::ALL.map(Algorithm::name));
            meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default()
        };
        reader.refuse(path, format_args!("{}{hint}", UnknownAlgorithm(redact::url(name))));
        Algorithm::ES256
    })
}
