//! The settings of the issuers.

use super::algorithms;
use super::constructor::{self, Construction};
use super::introspection;
use super::path::Path;
use super::reader::{Node, Reader, Table};
use super::stand_in;
use super::tree::Tree;
use crate::Issuer;

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
    let Construction { issuer, arguments } = constructor::read(reader, &mut table);
    let identifier = issuer.as_ref().and_then(|issuer| issuer.identities.iter().next().map(str::to_owned));
    let issuer = with_rules(reader, &mut table, &arguments, issuer.unwrap_or_else(|| stand_in::issuer(at)));
    let issuer = match table.get("introspection") {
        Some(node) => introspection::read(reader, &node, &table, identifier.as_deref(), issuer),
        None => issuer,
    };
    table.finish(reader);
    issuer
}

fn discovered(reader: &mut Reader, path: &Path, identifier: &str, at: usize) -> Issuer {
    constructor::discover(reader, path, identifier).unwrap_or_else(|| stand_in::issuer(at))
}

/// The issuer with the settings that every issuer has, except for those that its constructor took as `arguments`.
fn with_rules(reader: &mut Reader, table: &mut Table, arguments: &[&str], mut issuer: Issuer) -> Issuer {
    if let Some(node) = table.get("audiences") {
        let audiences = reader.strings(&node, stand_in::AUDIENCE);
        if audiences.is_empty() {
            reader.refuse(
                &node.path,
                "expected at least one audience, found an empty list; leave the setting out for the server's audience",
            );
        }
        issuer = issuer.audiences(audiences.into_iter().map(|(_, audience)| audience));
    }
    let mut names = |argument, setting| {
        let node = if arguments.contains(&argument) { None } else { table.get(setting) };
        node.map(|node| reader.strings(&node, stand_in::NAME).into_iter().map(|(_, name)| name))
    };
    if let Some(clients) = names("clients", "identify_by_client") {
        issuer = issuer.identify_by_client(clients);
    }
    if let Some(subjects) = names("subjects", "subjects") {
        issuer = issuer.allow_subjects(subjects);
    }
    if table.get("client_as_subject").and_then(|node| reader.boolean(&node, "true or false")) == Some(true) {
        issuer = issuer.client_as_subject();
    }
    if let Some(node) = table.get("algorithms") {
        issuer = issuer.algorithms(algorithms::read(reader, &node));
    }
    issuer
}
