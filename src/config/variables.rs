use std::ffi::{OsStr, OsString};

use super::tree::{MAX_DEPTH, Tree};

/// The most elements that a list of variables may have: no number buys more memory than that.
const MAX_ELEMENTS: usize = 1000;

/// Those of the variables that start with the prefix, the rest of their names being where they stand.
pub(super) fn tree<N: Into<OsString>, V: Into<OsString>>(
    prefix: &str,
    variables: impl IntoIterator<Item = (N, V)>,
) -> Tree {
    let mut root = Vec::new();
    for (name, value) in variables {
        let name = name.into();
        if let Some(place) = name.to_string_lossy().strip_prefix(prefix) {
            insert(&mut root, &place.to_ascii_lowercase(), leaf(&value.into()), MAX_DEPTH);
        }
    }
    // Variables have no order of their own.
    root.sort_by(|(one, _), (other, _)| one.cmp(other));
    Tree::Table(root.into_iter().map(|(name, tree)| (name, with_lists(tree))).collect())
}

fn leaf(value: &OsStr) -> Tree {
    value.to_str().map_or(Tree::Octets, |text| Tree::Variable(text.to_owned()))
}

/// What is set by itself and part by part is there twice, and found out like everything that is.
fn insert(table: &mut Vec<(String, Tree)>, place: &str, value: Tree, depth: usize) {
    match place.split_once("__") {
        Some((name, rest)) if depth > 0 => {
            let known = table.iter_mut().find_map(|(known, tree)| match tree {
                Tree::Table(entries) if known == name => Some(entries),
                _ => None,
            });
            if let Some(entries) = known {
                insert(entries, rest, value, depth - 1);
            } else {
                let mut entries = Vec::new();
                insert(&mut entries, rest, value, depth - 1);
                table.push((name.to_owned(), Tree::Table(entries)));
            }
        }
        _ => table.push((place.to_owned(), value)),
    }
}

/// Tables whose names are all numbers become lists. An element that was left out is there as nothing; one that is there
/// twice makes it no list.
fn with_lists(tree: Tree) -> Tree {
    let Tree::Table(mut entries) = tree else { return tree };
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    let is_repeated = entries.windows(2).any(|pair| pair[0].0 == pair[1].0);
    let number = |name: &str| name.parse().ok().filter(|at: &usize| *at < MAX_ELEMENTS && at.to_string() == name);
    let numbers: Option<Vec<usize>> = entries.iter().map(|(name, _)| number(name)).collect();
    let trees = entries.into_iter().map(|(name, tree)| (name, with_lists(tree)));
    let Some(numbers) = numbers.filter(|_| !is_repeated) else { return Tree::Table(trees.collect()) };
    let mut elements = vec![Tree::Nothing; numbers.iter().max().map_or(0, |last| last + 1)];
    for (at, (_, tree)) in numbers.into_iter().zip(trees) {
        elements[at] = tree;
    }
    Tree::List(elements)
}
