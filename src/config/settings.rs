//! The settings of the server itself.

use std::time::Duration;

use super::issuer;
use super::metadata;
use super::path::Path;
use super::reader::{Node, Reader};
use super::tree::Tree;
use crate::ResourceServer;
use crate::server::{Builder, Mistake, Place};
use crate::validation::{Profile, TokenCache};

/// An audience that no token has.
const NOBODY: &str = "urn:stand-in";

const PROFILES: [(&str, Profile); 2] = [("generic", Profile::Generic), ("rfc9068", Profile::Rfc9068)];

/// The builder that these settings make, if `reader` finds nothing wrong with them.
pub(super) fn read(reader: &mut Reader, settings: &Tree) -> Builder {
    let root = Node { tree: settings, path: Path::default() };
    let Some(mut table) = reader.table(&root, "a table of settings") else { return ResourceServer::builder(NOBODY) };
    let audience = table.require(reader, "audience", "the identifier of this server");
    let audience = audience.and_then(|node| reader.text(&node)).unwrap_or(NOBODY);
    let issuers = table.require(reader, "issuers", "a list of issuers");
    let mut issuers = issuers.map(|node| issuer::read_all(reader, &node)).unwrap_or_default();
    if issuers.is_empty() {
        // The reader has reported it.
        issuers.push(issuer::stand_in(0));
    }

    let mut builder = ResourceServer::builder(audience).trust_all(issuers);
    if let Some(realm) = table.get("realm").and_then(|node| reader.text(&node)) {
        builder = builder.realm(realm);
    }
    if let Some(profile) = table.get("profile").and_then(|node| reader.one_of(&node, &PROFILES)) {
        builder = builder.profile(profile);
    }
    let leeway =
        table.get("leeway").and_then(|node| reader.whole_number(&node, "a whole number of seconds, at most 60,"));
    if let Some(seconds) = leeway {
        builder = builder.leeway(Duration::from_secs(seconds));
    }
    if let Some(node) = table.get("token_cache") {
        builder = builder.token_cache(token_cache(reader, &node));
    }
    if let Some(metadata) = table.get("metadata").and_then(|node| metadata::read(reader, &node)) {
        builder = builder.metadata(metadata);
    }
    table.finish(reader);
    for Mistake { place, error } in builder.mistakes() {
        reader.accept(&path_of(&root, place), Err::<(), _>(error));
    }
    builder
}

fn token_cache(reader: &mut Reader, node: &Node) -> TokenCache {
    let Some(mut table) = node.table() else {
        return match reader.switch(node, "a table, true or false") {
            Some(false) => TokenCache::off(),
            _ => TokenCache::default(),
        };
    };
    let mut cache = TokenCache::default();
    if let Some(entries) = table.get("entries").and_then(|node| reader.whole_number(&node, "a whole number")) {
        cache = cache.entries(entries);
    }
    if let Some(bytes) = table.get("bytes").and_then(|node| reader.whole_number(&node, "a whole number")) {
        cache = cache.bytes(bytes);
    }
    table.finish(reader);
    cache
}

/// Where a mistake stands that the builder found. Every issuer and every element has the number that it has in the
/// configuration, because something stands in for each that could not be read.
fn path_of(root: &Node, Place { issuer, setting, element }: Place) -> Path {
    let start = issuer.map_or(root.path.clone(), |at| root.path.name("issuers").element(at));
    let named = |names: &[&'static str]| names.iter().fold(start.clone(), |path, name| path.name(*name));
    let mut path = named(setting);
    if setting == ["identify_by_client"] && !root.tree.has(&path) {
        // They came by the argument of a preset.
        path = named(&["clients"]);
    }
    element.map_or(path.clone(), |at| path.element(at))
}
