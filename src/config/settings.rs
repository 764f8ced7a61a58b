//! The settings of the server itself.

use std::time::Duration;

use super::client_certificates;
use super::dpop;
use super::issuer;
use super::metadata;
use super::path::Path;
use super::reader::{Node, Reader};
use super::scope_hierarchy;
use super::stand_in;
use super::tree::Tree;
use crate::ResourceServer;
use crate::server::{Builder, Mistake, Place};
use crate::validation::{Profile, TokenCache};

/// The builder that these settings make. It is of use only if `reader` found no problem.
pub(super) fn read(reader: &mut Reader, settings: &Tree) -> Builder {
    let root = Node { tree: settings, path: Path::default() };
    let Some(mut table) = reader.table(&root, "a table of settings") else {
        return ResourceServer::builder(stand_in::AUDIENCE);
    };
    let audience = table.require(reader, "audience", "the identifier of this server");
    let audience = audience.and_then(|node| reader.string(&node)).unwrap_or(stand_in::AUDIENCE);
    let issuers = table.require(reader, "issuers", "a list of issuers");
    let mut issuers = issuers.map(|node| issuer::read_all(reader, &node)).unwrap_or_default();
    if issuers.is_empty() {
        // There is a problem already.
        issuers.push(stand_in::issuer(0));
    }

    let mut builder = ResourceServer::builder(audience).trust_all(issuers);
    if let Some(realm) = table.get("realm").and_then(|node| reader.string(&node)) {
        builder = builder.realm(realm);
    }
    let profiles = Profile::ALL.map(|profile| (profile.name(), profile));
    if let Some(profile) = table.get("profile").and_then(|node| reader.one_of(&node, &profiles)) {
        builder = builder.profile(profile);
    }
    if let Some(seconds) =
        table.get("leeway").and_then(|node| reader.integer(&node, "an integer from 0 to 60 (seconds)"))
    {
        builder = builder.leeway(Duration::from_secs(seconds));
    }
    if let Some(node) = table.get("token_cache") {
        builder = builder.token_cache(token_cache(reader, &node));
    }
    if let Some(metadata) = table.get("metadata").and_then(|node| metadata::read(reader, &node)) {
        builder = builder.metadata(metadata);
    }
    if let Some(dpop) = table.get("dpop").and_then(|node| dpop::read(reader, &node)) {
        builder = builder.dpop(dpop);
    }
    if let Some(node) = table.get("client_certificates")
        && let Some(certificates) = client_certificates::read(reader, &node)
    {
        builder = builder.client_certificates(certificates);
    }
    if let Some(node) = table.get("scope_hierarchy") {
        builder = builder.scope_hierarchy(scope_hierarchy::read(reader, &node));
    }
    table.finish(reader);
    for Mistake { place, error } in builder.mistakes() {
        reader.accept(&path_of(&root, place), Err::<(), _>(error));
    }
    builder
}

fn token_cache(reader: &mut Reader, node: &Node) -> TokenCache {
    let Some(mut table) = node.table() else {
        return match reader.boolean(node, "a table, true or false") {
            Some(false) => TokenCache::off(),
            _ => TokenCache::default(),
        };
    };
    let mut cache = TokenCache::default();
    if let Some(entries) = table.get("entries").and_then(|node| reader.integer(&node, "a non-negative integer")) {
        cache = cache.entries(entries);
    }
    if let Some(bytes) = table.get("bytes").and_then(|node| reader.integer(&node, "a non-negative integer")) {
        cache = cache.bytes(bytes);
    }
    table.finish(reader);
    cache
}

/// The path of a mistake that the builder found. Issuers and elements have the same indexes there as in the configuration,
/// because a stand-in takes the place of each one that could not be read.
fn path_of(root: &Node, Place { issuer, setting, element }: Place) -> Path {
    let start = issuer.map_or(root.path.clone(), |at| root.path.name("issuers").element(at));
    let named = |names: &[&'static str]| names.iter().fold(start.clone(), |path, name| path.name(*name));
    let mut path = named(setting);
    if setting == ["identify_by_client"] && !root.tree.has(&path) {
        // They came from the argument of a preset.
        path = named(&["clients"]);
    }
    element.map_or(path.clone(), |at| path.element(at))
}
