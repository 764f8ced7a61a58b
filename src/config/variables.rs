use std::ffi::{OsStr, OsString};

use super::path::{Path, Step};
use super::shown::shown;
use super::tree::{MAX_DEPTH, Tree};

/// The separator before the name of a part and before the number of an element.
const SEPARATOR: &str = "__";

/// The maximum number of elements of a list, because a number in a name determines how much memory is allocated.
pub(super) const MAX_ELEMENTS: usize = 1000;

/// The maximum number of variables that one problem names.
const MAX_NAMES: usize = 4;

/// The names of the variables of a configuration, for problems.
#[derive(Clone)]
pub(super) struct Names {
    prefix: String,
    /// The place and the name of each, in the order of the places.
    known: Vec<(String, String)>,
}

impl Names {
    /// The variables that set the value at `path`, or a list that contains it: a word of a list has no variable of its own. If the
    /// value is missing, the variable that would set it.
    pub(super) fn of(&self, path: &Path) -> String {
        let steps: Vec<_> = path.steps().iter().map(Step::to_string).collect();
        let found = (1..=steps.len()).rev().find_map(|length| {
            // A value that contains `path` has only its own variable. If one part of a table is missing, the other parts are not named.
            let is_whole = length == steps.len();
            let names = self.at(&steps[..length].join(SEPARATOR), is_whole);
            (!names.is_empty()).then_some(names)
        });
        let Some(names) = found else {
            return escaped(&format!("{}{}", self.prefix, steps.join(SEPARATOR).to_ascii_uppercase()));
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
        found.map(|(_, name)| escaped(name)).collect()
    }
}

/// A name without quotes. It is escaped, so that the environment cannot forge a line of a log.
fn escaped(name: &str) -> String {
    shown(name).to_string()
}

/// The variables whose names start with the prefix, ignoring case. The rest of a name is the place of the value.
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
    value.to_str().map_or(Tree::NotUnicode, |text| Tree::Variable(text.to_owned()))
}

/// Inserts the value at its place. A table that is also set as a whole has two entries, which is refused later.
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

/// Turns tables whose names are all indexes into lists, with [`Tree::Missing`] for indexes that are not set. A table with an index
/// that is set twice stays a table.
fn with_lists(tree: Tree) -> Tree {
    let Tree::Table(mut entries) = tree else { return tree };
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    let is_repeated = entries.windows(2).any(|pair| pair[0].0 == pair[1].0);
    let numbers: Option<Vec<usize>> = entries.iter().map(|(name, _)| index(name)).collect();
    let trees = entries.into_iter().map(|(name, tree)| (name, with_lists(tree)));
    let Some(numbers) = numbers.filter(|_| !is_repeated) else { return Tree::Table(trees.collect()) };
    let mut elements = vec![Tree::Missing; numbers.iter().max().map_or(0, |last| last + 1)];
    for (at, (_, tree)) in numbers.into_iter().zip(trees) {
        elements[at] = tree;
    }
    Tree::List(elements)
}

/// The index of an element: a decimal number without leading zeros, below [`MAX_ELEMENTS`].
fn index(name: &str) -> Option<usize> {
    name.parse().ok().filter(|at: &usize| *at < MAX_ELEMENTS && at.to_string() == name)
}

/// Whether the name of a part is a number that is not a valid index.
pub(super) fn is_no_index(name: &str) -> bool {
    is_number(name) && index(name).is_none()
}

/// The name that was meant if `name` has one underscore after one of the `known` names instead of two: `ISSUERS__0__ISSUER` for
/// `issuers_0_issuer`.
pub(super) fn with_two_underscores(name: &str, known: &[&str]) -> Option<String> {
    let parts = known.iter().filter_map(|known| Some((*known, name.strip_prefix(known)?.strip_prefix('_')?)));
    let (start, rest) = parts.filter(|(_, rest)| !rest.is_empty()).max_by_key(|(start, _)| start.len())?;
    let rest = match rest.split_once('_') {
        Some((number, rest)) if is_number(number) => format!("{number}{SEPARATOR}{}", rest.trim_start_matches('_')),
        _ => rest.to_owned(),
    };
    Some(escaped(&format!("{start}{SEPARATOR}{rest}").to_ascii_uppercase()))
}

/// Whether the name of a part is a number followed by only one underscore.
pub(super) fn is_number_and_more(name: &str) -> bool {
    name.split_once('_').is_some_and(|(number, _)| is_number(number))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
