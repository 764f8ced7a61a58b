//! The settings of nonces, and their secret keys.

use std::fs::File;
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::path::Path;
use super::reader::{Node, Reader, Table};
use crate::binding::dpop::{InvalidNonceKeys, Nonces};
use crate::jose::decode_base64url;

/// The lifetimes that [`Nonces::lifetime`] keeps as they are, in seconds.
const LIFETIME: RangeInclusive<u64> = 10..=3600;

/// The maximum size of a file with a key or a secret: many times that of a key, so that a wrong path does not read a log.
const MAX_FILE: u64 = 1024;

pub(super) struct NonceSettings {
    pub(super) nonces: Nonces,
    /// Whether `iat` counts too, and the place of the setting, if it is set.
    pub(super) issued_at_too: Option<(Path, bool)>,
}

impl NonceSettings {
    pub(super) fn ignore_issued_at(&self) -> bool {
        !matches!(self.issued_at_too, Some((_, true)))
    }
}

/// `None` if the settings switch them off, or there is a problem.
pub(super) fn read(reader: &mut Reader, node: &Node) -> Option<NonceSettings> {
    let Some(mut table) = node.table() else {
        // The value may be a key in the wrong place.
        let Some(is_on) = node.tree.boolean() else {
            reader.expect_secret(node, "a table, true or false");
            return None;
        };
        let nonces = is_on.then(|| random(reader, &node.path)).flatten()?;
        return Some(NonceSettings { nonces, issued_at_too: None });
    };
    let nonces = of_keys(reader, &mut table, &node.path);
    let lifetime = table.get("lifetime").and_then(|node| lifetime(reader, &node));
    let issued_at_too = table.get("issued_at_too").map(|node| {
        // What cannot be read is one problem, and causes no other.
        let is_too = reader.boolean(&node, "true or false").unwrap_or(true);
        (node.path, is_too)
    });
    table.finish(reader);
    let nonces = match lifetime {
        Some(lifetime) => nonces?.lifetime(lifetime),
        None => nonces?,
    };
    Some(NonceSettings { nonces, issued_at_too })
}

fn lifetime(reader: &mut Reader, node: &Node) -> Option<Duration> {
    let expected = format!("an integer from {} to {} (seconds)", LIFETIME.start(), LIFETIME.end());
    let seconds = reader.integer(node, &expected)?;
    if !LIFETIME.contains(&seconds) {
        reader.expect(node, expected);
    }
    Some(Duration::from_secs(seconds))
}

/// The nonces with the keys of the settings, or with random ones.
fn of_keys(reader: &mut Reader, table: &mut Table, path: &Path) -> Option<Nonces> {
    let (keys, files) = (table.get("keys"), table.get("key_files"));
    if let (Some(_), Some(files)) = (&keys, &files) {
        reader.refuse(&files.path, "expected either keys or key_files, found both");
    }
    let (path, keys) = match (keys, files) {
        (None, None) => return random(reader, path),
        (Some(node), _) => (node.path.clone(), of_texts(reader, &node)?),
        (None, Some(node)) => (node.path.clone(), of_files(reader, &node)?),
    };
    Nonces::with_keys(keys).map_err(|error| refuse(reader, &path, error)).ok()
}

fn random(reader: &mut Reader, path: &Path) -> Option<Nonces> {
    Nonces::try_random().map_err(|error| refuse(reader, path, error)).ok()
}

fn refuse(reader: &mut Reader, path: &Path, error: InvalidNonceKeys) {
    let path = match error {
        InvalidNonceKeys::TooShort { position, .. } | InvalidNonceKeys::NotRandom { position } => {
            path.element(position - 1)
        }
        _ => path.clone(),
    };
    reader.refuse(&path, error);
}

fn of_texts(reader: &mut Reader, node: &Node) -> Option<Vec<Vec<u8>>> {
    let texts = reader.each_secret(node, "a list of nonce keys")?;
    let key = |(place, text): (Path, Option<&str>)| {
        let key = decoded(text?.as_bytes());
        if key.is_none() {
            reader.refuse(&place, "expected a nonce key in base64, found another text");
        }
        key
    };
    all(texts.into_iter().map(key).collect())
}

/// A problem does not show the path either, because it may be a key that was meant for `keys`.
fn of_files(reader: &mut Reader, node: &Node) -> Option<Vec<Vec<u8>>> {
    let paths = reader.each_secret(node, "a list of files with nonce keys")?;
    let key = |(place, path): (Path, Option<&str>)| {
        let problem = match text_of(path?) {
            Ok(text) => match decoded(text.trim_ascii()) {
                Some(key) => return Some(key),
                None => "expected a nonce key in base64 in the file, found something else".to_owned(),
            },
            Err(error) => format!("expected a file that can be read: {error}"),
        };
        reader.refuse(&place, problem);
        None
    };
    all(paths.into_iter().map(key).collect())
}

/// `None` if one is missing, after the problems of all have been noted.
fn all(keys: Vec<Option<Vec<u8>>>) -> Option<Vec<Vec<u8>>> {
    keys.into_iter().collect()
}

pub(super) fn text_of(path: &str) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let length = File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut text)?;
    if length as u64 > MAX_FILE {
        Err(io::Error::other(format!("it has more than {MAX_FILE} bytes")))
    } else {
        Ok(text)
    }
}

/// The bytes of base64 in either alphabet, with or without padding.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    decode_base64url(text.trim_end_matches('=').replace('+', "-").replace('/', "_"))
}
