use std::path::Path;

use crate::config::tree::Tree;

/// The file of keys is not part of the configuration: it is read again all the time.
const READ_BY_ITSELF: &str = "jwks_file";

/// The files that the settings name: the values of all settings whose names end with `_file` or `_files`.
pub(super) fn named_files(settings: &Tree) -> Vec<&Path> {
    let mut files = Vec::new();
    add_files_of(settings, &mut files);
    files
}

fn add_files_of<'t>(tree: &'t Tree, files: &mut Vec<&'t Path>) {
    match tree {
        Tree::Table(entries) => {
            for (name, value) in entries {
                if (name.ends_with("_file") || name.ends_with("_files")) && name != READ_BY_ITSELF {
                    files.extend(texts(value));
                }
                add_files_of(value, files);
            }
        }
        Tree::List(elements) => elements.iter().for_each(|element| add_files_of(element, files)),
        _ => {}
    }
}

/// A text, or those of a list.
fn texts(value: &Tree) -> impl Iterator<Item = &Path> {
    let elements = match value {
        Tree::List(elements) => elements,
        one => std::slice::from_ref(one),
    };
    elements.iter().filter_map(|element| match element {
        Tree::String(text) => Some(Path::new(text)),
        _ => None,
    })
}
