//! The settings of the hierarchy of scopes.

use std::mem;

use super::path::Path;
use super::reader::{Node, Reader};
use super::stand_in;
use crate::token::ScopeHierarchy;

/// A table in which the broader scopes are the names, or a list of tables. Only the list can have every scope in variables, whose names
/// have no case and few characters.
pub(super) fn read(reader: &mut Reader, node: &Node) -> ScopeHierarchy {
    let mut hierarchy = ScopeHierarchy::new();
    let Some(elements) = node.elements() else {
        let entries = reader.table(node, "a table, or a list of tables").map(|table| table.entries(reader));
        for (name, narrower) in entries.into_iter().flatten() {
            add(reader, &mut hierarchy, (&narrower.path, name), &narrower);
        }
        return hierarchy;
    };
    for element in elements {
        let Some(mut table) = reader.table(&element, "a table with scope and implies") else { continue };
        let broader = table.require(reader, "scope", "the scope that implies others");
        let narrower = table.require(reader, "implies", "the scopes that it implies");
        table.finish(reader);
        let broader = broader.map(|node| (reader.string(&node).unwrap_or(stand_in::NAME), node.path));
        if let (Some((name, path)), Some(narrower)) = (broader, narrower) {
            add(reader, &mut hierarchy, (&path, name), &narrower);
        }
    }
    hierarchy
}

/// Each scope is checked beside one that is good, so that a mistake is told at its own place.
fn add(reader: &mut Reader, hierarchy: &mut ScopeHierarchy, (path, broader): (&Path, &str), narrower: &Node) {
    let is_broader_good = reader.accept(path, ScopeHierarchy::new().try_implies(broader, stand_in::NAME)).is_some();
    let Some(text) = reader.string(narrower) else { return };
    let checked = reader.accept(&narrower.path, ScopeHierarchy::new().try_implies(stand_in::NAME, text));
    if is_broader_good && checked.is_some() {
        *hierarchy = mem::take(hierarchy).implies(broader, text);
    }
}
