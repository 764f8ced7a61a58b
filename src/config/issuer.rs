//! The settings of one issuer.

use super::nearest::nearest;
use super::path::Path;
#[cfg(feature = "http-client")]
use super::preset::{PRESETS, Preset};
use super::reader::{Node, Reader, Table};
use super::shown::Shown;
use super::tree::Tree;
use crate::Issuer;
use crate::jose::{Algorithm, UnknownAlgorithm};
use crate::keys::KeyFile;
#[cfg(feature = "http-client")]
use crate::keys::RemoteKeys;
use crate::server::ConfigError;

/// A URL behind which nothing is (RFC 6761 §6.4).
#[cfg(feature = "http-client")]
pub(super) const NOWHERE: &str = "https://stand-in.invalid";

/// Why a setting is refused whose keys would have to be fetched.
#[cfg(not(feature = "http-client"))]
const NEEDS_CLIENT: &str =
    "the feature http-client is off, so keys cannot be fetched: expected an issuer and a jwks_file";

/// Every issuer of a list, with something in the place of those that cannot be read.
pub(super) fn read_all(reader: &mut Reader, node: &Node) -> Vec<Issuer> {
    let issuers: Vec<Issuer> = match (node.tree, node.elements()) {
        (Tree::Variable(text), _) => {
            let words = reader.words(node, text).into_iter().enumerate();
            words
                .map(|(at, (path, word))| word.map_or_else(|| stand_in(at), |word| discovered(reader, &path, word, at)))
                .collect()
        }
        (_, Some(elements)) => elements.iter().enumerate().map(|(at, element)| read(reader, element, at)).collect(),
        _ => {
            reader.expect(node, "a list of issuers");
            return Vec::new();
        }
    };
    if issuers.is_empty() {
        reader.refuse(&node.path, "empty, where at least one issuer is expected");
    }
    issuers
}

/// An issuer that nobody is, in the place of the one at `at`, which could not be read, and named for it.
pub(super) fn stand_in(at: usize) -> Issuer {
    Issuer::keys(&format!("issuers[{at}]"), KeyFile::new("stand-in")).expect("an identifier")
}

fn read(reader: &mut Reader, node: &Node, at: usize) -> Issuer {
    if let Tree::Text(identifier) | Tree::Variable(identifier) = node.tree {
        return discovered(reader, &node.path, identifier, at);
    }
    let Some(mut table) = reader.table(node, "an identifier or a table") else { return stand_in(at) };
    #[cfg(not(feature = "http-client"))]
    if let Some(preset) = table.get("preset") {
        reader.refuse(&preset.path, NEEDS_CLIENT);
        return stand_in(at);
    }
    let kind = Kind::read(reader, &mut table);
    let keys = Keys::read(reader, &mut table);
    let issuer = match &kind {
        Kind::Plain(identifier) => {
            let Identifier { path: place, text } = identifier;
            match keys {
                None => discover(reader, place, text),
                #[cfg(feature = "http-client")]
                Some(Keys::Url { url, .. }) => reader.accept(place, Issuer::jwks(text, url)),
                Some(Keys::File(path)) => reader.accept(place, Issuer::keys(text, KeyFile::new(path))),
            }
        }
        #[cfg(feature = "http-client")]
        Kind::Preset(preset) => preset.read(reader, &mut table).map(|issuer| match keys {
            None => issuer,
            Some(Keys::Url { keys, .. }) => issuer.keys_from(*keys),
            Some(Keys::File(path)) => issuer.keys_from(KeyFile::new(path)),
        }),
        Kind::Unknown => None,
    };
    let issuer = with_rules(reader, &mut table, &kind, issuer.unwrap_or_else(|| stand_in(at)));
    table.finish(reader);
    issuer
}

fn discovered(reader: &mut Reader, path: &Path, identifier: &str, at: usize) -> Issuer {
    discover(reader, path, identifier).unwrap_or_else(|| stand_in(at))
}

#[cfg(feature = "http-client")]
fn discover(reader: &mut Reader, path: &Path, identifier: &str) -> Option<Issuer> {
    reader.accept(path, Issuer::discover(identifier))
}

#[cfg(not(feature = "http-client"))]
fn discover(reader: &mut Reader, path: &Path, _: &str) -> Option<Issuer> {
    reader.refuse(path, NEEDS_CLIENT);
    None
}

/// Which of the constructors makes the issuer.
enum Kind<'t> {
    Plain(Identifier<'t>),
    #[cfg(feature = "http-client")]
    Preset(&'static Preset),
    /// There is a problem, so that any argument may be meant.
    Unknown,
}

struct Identifier<'t> {
    path: Path,
    text: &'t str,
}

impl<'t> Kind<'t> {
    #[cfg(feature = "http-client")]
    fn read(reader: &mut Reader, table: &mut Table<'t>) -> Self {
        let kind = if let Some(node) = table.get("preset") {
            reader.one_of(&node, &PRESETS.each_ref().map(|preset| (preset.name, preset))).map(Self::Preset)
        } else {
            Self::read_plain(reader, table, "an identifier, or else a preset")
        };
        kind.unwrap_or_else(|| {
            for argument in PRESETS.iter().flat_map(|preset| preset.arguments) {
                table.get(argument.name);
            }
            Self::Unknown
        })
    }

    #[cfg(not(feature = "http-client"))]
    fn read(reader: &mut Reader, table: &mut Table<'t>) -> Self {
        Self::read_plain(reader, table, "an identifier").unwrap_or(Self::Unknown)
    }

    fn read_plain(reader: &mut Reader, table: &mut Table<'t>, expected: &str) -> Option<Self> {
        let node = table.require(reader, "issuer", expected)?;
        Some(Self::Plain(Identifier { text: reader.text(&node)?, path: node.path }))
    }

    #[cfg_attr(not(feature = "http-client"), expect(unused_variables, reason = "there are no presets"))]
    fn takes(&self, argument: &str) -> bool {
        match self {
            #[cfg(feature = "http-client")]
            Self::Preset(preset) => preset.arguments.iter().any(|known| known.name == argument),
            Self::Plain(_) | Self::Unknown => false,
        }
    }
}

/// Where the keys are, if they are not where the constructor says.
enum Keys<'t> {
    #[cfg(feature = "http-client")]
    Url {
        url: &'t str,
        keys: Box<RemoteKeys>,
    },
    File(&'t str),
}

impl<'t> Keys<'t> {
    fn read(reader: &mut Reader, table: &mut Table<'t>) -> Option<Self> {
        let (url, file) = (table.get("jwks_url"), table.get("jwks_file"));
        if let (Some(_), Some(file)) = (&url, &file) {
            reader.refuse(&file.path, "beside jwks_url, where one of the two is expected");
        }
        #[cfg(not(feature = "http-client"))]
        if let Some(node) = &url {
            reader.refuse(&node.path, NEEDS_CLIENT);
            return Some(Self::File("stand-in"));
        }
        #[cfg(feature = "http-client")]
        if let Some(node) = url {
            let url = reader.text(&node).unwrap_or(NOWHERE);
            let refused = |reason| ConfigError::JwksUrl { value: url.to_owned(), reason };
            let keys = RemoteKeys::at(url).map_err(refused);
            let keys = keys.and_then(|keys| ConfigError::check_text("JWKS URL", url).map(|()| keys));
            return match reader.accept(&node.path, keys) {
                Some(keys) => Some(Self::Url { url, keys: Box::new(keys) }),
                None => Some(Self::Url { url: NOWHERE, keys: Box::new(RemoteKeys::at(NOWHERE).ok()?) }),
            };
        }
        let node = file?;
        let path = reader.text(&node);
        if let Some(path) = path {
            reader.accept(&node.path, ConfigError::check_text("file of keys", path));
        }
        Some(Self::File(path.unwrap_or_default()))
    }
}

/// The settings that every issuer has. What a preset takes as an argument was read there.
fn with_rules(reader: &mut Reader, table: &mut Table, kind: &Kind, mut issuer: Issuer) -> Issuer {
    if let Some(node) = table.get("audiences") {
        let audiences = reader.texts(&node, "urn:stand-in");
        if audiences.is_empty() {
            reader.refuse(&node.path, "empty, where at least one audience is expected, or else no such setting");
        }
        issuer = audiences.into_iter().fold(issuer, |issuer, (_, audience)| issuer.allow_audience(audience));
    }
    if !kind.takes("clients")
        && let Some(node) = table.get("identify_by_client")
    {
        let clients = reader.texts(&node, "stand-in").into_iter().map(|(_, client)| client);
        issuer = issuer.identify_by_client(clients);
    }
    if !kind.takes("subjects")
        && let Some(node) = table.get("subjects")
    {
        let subjects = reader.texts(&node, "stand-in").into_iter().map(|(_, subject)| subject);
        issuer = issuer.allow_subjects(subjects);
    }
    if let Some(node) = table.get("algorithms") {
        let names = reader.texts(&node, Algorithm::ES256.name());
        let algorithms: Vec<_> = names.iter().map(|(path, name)| algorithm(reader, path, name)).collect();
        issuer = issuer.algorithms(algorithms);
    }
    issuer
}

fn algorithm(reader: &mut Reader, path: &Path, name: &str) -> Algorithm {
    Shown(name).text().parse().unwrap_or_else(|unknown: UnknownAlgorithm| {
        let is_like = |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        let why = if is_like("none") {
            ": anybody can write a token that nobody signs".to_owned()
        } else if is_like("HS") {
            ": whoever has the secret to verify tokens with can make them".to_owned()
        } else {
            let meant = nearest(name, Algorithm::ALL.iter().map(|known| known.name()));
            meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default()
        };
        reader.refuse(path, format_args!("{unknown}{why}"));
        Algorithm::ES256
    })
}
