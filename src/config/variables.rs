use std::ffi::{OsStr, OsString};

use super::path::{Path, Step};
use super::shown::Shown;
use super::tree::{MAX_DEPTH, Tree};
use crate::redact::Excerpt;

/// What stands before the name of a part and the number of an element.
const SEPARATOR: &str = "__";

/// The most elements that a list of variables may have: no number buys more memory than that.
pub(super) const MAX_ELEMENTS: usize = 1000;

/// The most variables that one problem names.
const MAX_NAMES: usize = 4;

/// What the variables of a configuration are called, so that problems can tell it.
#[derive(Clone)]
pub(super) struct Names {
    prefix: String,
    /// Where each stands, and its name; in the order of the places.
    known: Vec<(String, String)>,
}

impl Names {
    /// The variables that set what is at `path`, or in what it is in: a word of a list has no variable of its own. For what is
    /// missing, the one that would set it.
    pub(super) fn of(&self, path: &Path) -> String {
        let steps: Vec<_> = path.steps().iter().map(Step::to_string).collect();
        let found = (1..=steps.len()).rev().find_map(|length| {
            // A parent is named only by its own variable. Where one part of a table is missing, the parts that are set are not at fault.
            let is_whole = length == steps.len();
            let names = self.at(&steps[..length].join(SEPARATOR), is_whole);
            (!names.is_empty()).then_some(names)
        });
        let Some(names) = found else {
            return shown(&format!("{}{}", self.prefix, steps.join(SEPARATOR).to_ascii_uppercase()));
        };
        let more = if names.len() > MAX_NAMES { ", …" } else { "" };
        format!("{}{more}", names.into_iter().take(MAX_NAMES).collect::<Vec<_>>().join(", "))
    }

    fn at(&self, place: &str, with_parts: bool) -> Vec<String> {
        let is_there = |known: &str| {
            let rest = known.strip_prefix(place);
            rest.is_some_and(|rest| rest.is_empty() || with_parts && rest.starts_with(SEPARATOR))
        };
        let found = self.known.iter().filter(|(known, _)| is_there(known));
        found.map(|(_, name)| shown(name)).collect()
    }
}

/// A name without quotes. It is escaped, so that a value from the environment cannot forge a line of a log.
fn shown(name: &str) -> String {
    Excerpt::from(Shown(name).text()).to_string()
}

/// Those of the variables that start with the prefix in any case, the rest of their names being where they stand.
pub(super) fn tree<N: Into<OsString>, V: Into<OsString>>(
    prefix: &str,
    variables: impl IntoIterator<Item = (N, V)>,
) -> (Tree, Names) {
    let (mut root, mut known) = (Vec::new(), Vec::new());
    for (name, value) in variables {
        let name = name.into();
        let name = name.to_string_lossy();
        if let Some((start, place)) = name.split_at_checked(prefix.len())
            && start.eq_ignore_ascii_case(prefix)
        {
            let place = place.to_ascii_lowercase();
            insert(&mut root, &place, leaf(&value.into()), MAX_DEPTH);
            known.push((place, name.to_string()));
        }
    }
    // Variables have no order of their own.
    root.sort_by(|(one, _), (other, _)| one.cmp(other));
    known.sort();
    let tree = Tree::Table(root.into_iter().map(|(name, tree)| (name, with_lists(tree))).collect());
    (tree, Names { prefix: prefix.to_owned(), known })
}

fn leaf(value: &OsStr) -> Tree {
    value.to_str().map_or(Tree::Octets, |text| Tree::Variable(text.to_owned()))
}

/// What is set by itself and part by part is there twice, and found out like everything that is.
fn insert(table: &mut Vec<(String, Tree)>, place: &str, value: Tree, depth: usize) {
    match place.split_once(SEPARATOR) {
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

/// Tables whose names are all numbers become lists. An element that was left out is there as a gap; one that is there
/// twice makes it no list.
fn with_lists(tree: Tree) -> Tree {
    let Tree::Table(mut entries) = tree else { return tree };
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    let is_repeated = entries.windows(2).any(|pair| pair[0].0 == pair[1].0);
    let numbers: Option<Vec<usize>> = entries.iter().map(|(name, _)| index(name)).collect();
    let trees = entries.into_iter().map(|(name, tree)| (name, with_lists(tree)));
    let Some(numbers) = numbers.filter(|_| !is_repeated) else { return Tree::Table(trees.collect()) };
    let mut elements = vec![Tree::Gap; numbers.iter().max().map_or(0, |last| last + 1)];
    for (at, (_, tree)) in numbers.into_iter().zip(trees) {
        elements[at] = tree;
    }
    Tree::List(elements)
}

/// The number of an element.
fn index(name: &str) -> Option<usize> {
    name.parse().ok().filter(|at: &usize| *at < MAX_ELEMENTS && at.to_string() == name)
}

/// Whether the name of a part is a number, and none of an element.
pub(super) fn is_no_index(name: &str) -> bool {
    is_number(name) && index(name).is_none()
}

/// The name that was meant if `name` has one underscore where two belong, `known` being what may stand before it:
/// `ISSUERS__0__ISSUER` for `issuers_0_issuer`.
pub(super) fn with_two_underscores(name: &str, known: &[&str]) -> Option<String> {
    let parts = known.iter().filter_map(|known| Some((*known, name.strip_prefix(known)?.strip_prefix('_')?)));
    let (start, rest) = parts.filter(|(_, rest)| !rest.is_empty()).max_by_key(|(start, _)| start.len())?;
    let rest = match rest.split_once('_') {
        Some((number, rest)) if is_number(number) => format!("{number}{SEPARATOR}{}", rest.trim_start_matches('_')),
        _ => rest.to_owned(),
    };
    Some(shown(&format!("{start}{SEPARATOR}{rest}").to_ascii_uppercase()))
}

/// Whether the name of a part is a number and one underscore too few.
pub(super) fn is_number_and_more(name: &str) -> bool {
    name.split_once('_').is_some_and(|(number, _)| is_number(number))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
