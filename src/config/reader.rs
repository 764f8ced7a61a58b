use std::fmt::Display;

use super::nearest::nearest;
use super::path::Path;
use super::problems::{Problem, Problems};
use super::shown::Shown;
use super::tree::Tree;
use super::variables::{MAX_ELEMENTS, Names, is_no_index, is_number_and_more, with_two_underscores};
use crate::server::ConfigError;

/// Reads settings, and notes what is wrong with them.
///
/// It never stops. Where a setting cannot be read, something that no rule minds stands in for it, so that the rest is
/// judged as it would be without the mistake; nothing is built from that, because there is a problem.
#[derive(Default)]
pub(super) struct Reader {
    problems: Vec<(Path, String)>,
}

/// A value, and where it stands.
#[derive(Clone)]
pub(super) struct Node<'t> {
    pub(super) tree: &'t Tree,
    pub(super) path: Path,
}

/// The entries of a table, and the names that were asked for.
pub(super) struct Table<'t> {
    path: Path,
    entries: &'t [(String, Tree)],
    known: Vec<&'t str>,
}

impl Reader {
    pub(super) fn refuse(&mut self, path: &Path, message: impl Display) {
        self.problems.push((path.clone(), message.to_string()));
    }

    /// What the builder made, or why it did not.
    pub(super) fn accept<T>(&mut self, path: &Path, made: Result<T, ConfigError>) -> Option<T> {
        made.map_err(|error| self.refuse(path, error)).ok()
    }

    /// How many problems were found so far.
    #[cfg(feature = "http-client")]
    pub(super) fn found(&self) -> usize {
        self.problems.len()
    }

    /// A value of the wrong kind.
    pub(super) fn expect(&mut self, node: &Node, expected: impl Display) {
        let hint = match node.tree {
            Tree::Gap => "; elements are numbered from 0 without a gap",
            Tree::Table(entries)
                if entries.iter().any(|(name, tree)| is_number_and_more(name) && tree.is_of_variables()) =>
            {
                "; there are two underscores on either side of a number"
            }
            Tree::Table(entries) if entries.iter().any(|(name, tree)| is_no_index(name) && tree.is_of_variables()) => {
                &format!("; elements are numbered from 0 to {}, without leading zeros", MAX_ELEMENTS - 1)
            }
            _ => "",
        };
        self.refuse(&node.path, format_args!("{}, where {expected} is expected{hint}", node.tree));
    }

    /// What was found wrong with `settings`, in their order. `names` are those of the variables that they came from.
    pub(super) fn problems(mut self, settings: &Tree, names: Option<&Names>) -> Option<Problems> {
        self.problems.sort_by_cached_key(|(path, _)| settings.position(path));
        let problems = self
            .problems
            .into_iter()
            .map(|(path, message)| Problem::new(path.to_string(), names.map(|names| names.of(&path)), message));
        Problems::new(problems.collect())
    }

    pub(super) fn text<'t>(&mut self, node: &Node<'t>) -> Option<&'t str> {
        if let Tree::Text(text) | Tree::Variable(text) = node.tree {
            return Some(text);
        }
        self.expect(node, "a text");
        None
    }

    pub(super) fn whole_number(&mut self, node: &Node, expected: &str) -> Option<u64> {
        let number = match node.tree {
            Tree::Whole(number) => u64::try_from(*number).ok(),
            // Digits and nothing else: the parser alone would also take a sign.
            Tree::Variable(text) if text.bytes().all(|octet| octet.is_ascii_digit()) => text.parse().ok(),
            _ => None,
        };
        if number.is_none() {
            self.expect(node, expected);
        }
        number
    }

    pub(super) fn switch(&mut self, node: &Node, expected: &str) -> Option<bool> {
        let switch = match node.tree {
            Tree::Switch(switch) => Some(*switch),
            Tree::Variable(text) => match text.as_str() {
                "true" | "on" => Some(true),
                "false" | "off" => Some(false),
                _ => None,
            },
            _ => None,
        };
        if switch.is_none() {
            self.expect(node, expected);
        }
        switch
    }

    /// One of a few names, which stands for something.
    pub(super) fn one_of<T: Copy>(&mut self, node: &Node, choices: &[(&'static str, T)]) -> Option<T> {
        let names = || choices.iter().map(|(name, _)| *name);
        let expected = || names().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" or ");
        let (Tree::Text(text) | Tree::Variable(text)) = node.tree else {
            self.expect(node, expected());
            return None;
        };
        let choice = choices.iter().find(|(name, _)| name == text);
        if choice.is_none() {
            let hint = nearest(text, names()).map(|name| format!("; did you mean {name:?}?")).unwrap_or_default();
            let expected = expected();
            self.refuse(&node.path, format_args!("{}, where {expected} is expected{hint}", node.tree));
        }
        choice.map(|(_, meaning)| *meaning)
    }

    /// The texts of a list, each with its place, or the words of a variable. `stand_in` is in the place of what is no
    /// text.
    pub(super) fn texts<'t>(&mut self, node: &Node<'t>, stand_in: &'t str) -> Vec<(Path, &'t str)> {
        if let Tree::Variable(text) = node.tree {
            let words = self.words(node, text).into_iter();
            return words.map(|(path, word)| (path, word.unwrap_or(stand_in))).collect();
        }
        let Some(elements) = node.elements() else {
            self.expect(node, "a list of texts");
            return vec![(node.path.clone(), stand_in)];
        };
        let text = |element: Node<'t>| {
            let text = self.text(&element).unwrap_or(stand_in);
            (element.path, text)
        };
        elements.into_iter().map(text).collect()
    }

    /// The words of a variable, each with its place, but for those that are rather a list with commas.
    pub(super) fn words<'t>(&mut self, node: &Node, text: &'t str) -> Vec<(Path, Option<&'t str>)> {
        let words = text.split_ascii_whitespace().enumerate();
        let word = |(at, word): (usize, &'t str)| {
            let path = node.path.element(at);
            if word.contains([',', ';']) {
                let found = Shown(word);
                self.refuse(&path, format_args!("the text {found}, where words with spaces between them are expected, and no commas; a text with one in it has a variable of its own, with its number"));
                return (path, None);
            }
            (path, Some(word))
        };
        words.map(word).collect()
    }

    pub(super) fn table<'t>(&mut self, node: &Node<'t>, expected: &str) -> Option<Table<'t>> {
        let table = node.table();
        if table.is_none() {
            self.expect(node, expected);
        }
        table
    }
}

impl<'t> Node<'t> {
    pub(super) fn elements(&self) -> Option<Vec<Self>> {
        let Tree::List(elements) = self.tree else { return None };
        let element = |(at, tree)| Self { tree, path: self.path.element(at) };
        Some(elements.iter().enumerate().map(element).collect())
    }

    pub(super) fn table(&self) -> Option<Table<'t>> {
        let Tree::Table(entries) = self.tree else { return None };
        Some(Table { path: self.path.clone(), entries, known: Vec::new() })
    }
}

impl<'t> Table<'t> {
    #[cfg(feature = "http-client")]
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The setting of that name, which is known from now on.
    pub(super) fn get(&mut self, name: &'static str) -> Option<Node<'t>> {
        self.known.push(name);
        let (_, tree) = self.entries.iter().find(|(known, _)| known == name)?;
        Some(Node { tree, path: self.path.name(name) })
    }

    /// The settings of that name for one language each: `name#fr` (RFC 9728 §2.1).
    pub(super) fn in_languages(&mut self, name: &str) -> Vec<(&'t str, Node<'t>)> {
        let is_one = |known: &str| {
            let tag = known.strip_prefix(name).and_then(|rest| rest.strip_prefix('#'));
            tag.is_some_and(|tag| !tag.is_empty())
        };
        let found = self.entries.iter().filter(|(known, _)| is_one(known));
        let found: Vec<_> =
            found.map(|(known, tree)| (&**known, Node { tree, path: self.path.name(known.clone()) })).collect();
        self.known.extend(found.iter().map(|(known, _)| *known));
        found
    }

    /// The setting of that name, without which there is no server.
    pub(super) fn require(&mut self, reader: &mut Reader, name: &'static str, expected: &str) -> Option<Node<'t>> {
        let node = self.get(name);
        if node.is_none() {
            reader.refuse(&self.path.name(name), format_args!("missing, where {expected} is expected"));
        }
        node
    }

    /// Every name has been asked for: what else is there is nothing that anybody would heed. Its value may be a secret
    /// of somebody else's, so only its name is told.
    pub(super) fn finish(self, reader: &mut Reader) {
        for (at, (name, tree)) in self.entries.iter().enumerate() {
            let path = self.path.name(name.clone());
            if self.entries[..at].iter().any(|(earlier, _)| earlier == name) {
                reader.refuse(&path, "set twice");
            } else if !self.known.contains(&&**name) {
                let with_two = || with_two_underscores(name, &self.known).filter(|_| tree.is_of_variables());
                let hint = match (with_two(), nearest(name, self.known.iter().copied())) {
                    (Some(meant), _) => format!("did you mean {meant}, with two underscores?"),
                    (None, Some(meant)) => format!("did you mean {meant}?"),
                    (None, None) => format!("there are {}", self.known.join(", ")),
                };
                reader.refuse(&path, format_args!("not a setting; {hint}"));
            }
        }
    }
}
