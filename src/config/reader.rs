use std::fmt::Display;

use super::nearest::nearest;
use super::path::Path;
use super::problems::{Problem, Problems};
use super::shown::shown;
use super::tree::Tree;
use super::variables::{MAX_ELEMENTS, Names, is_no_index, is_number_and_more, with_two_underscores};

/// Reads settings, and collects the problems with them.
///
/// It does not stop at a problem. A [stand-in](super::stand_in) takes the place of a setting that cannot be read, so that all
/// others are read and checked as they would be without the mistake. Nothing is built from it, because there is a problem.
#[derive(Default)]
pub(super) struct Reader {
    problems: Vec<(Path, String)>,
}

/// A value, and its place.
#[derive(Clone)]
pub(super) struct Node<'t> {
    pub(super) tree: &'t Tree,
    pub(super) path: Path,
}

/// The entries of a table, and the names that have been asked for.
pub(super) struct Table<'t> {
    path: Path,
    entries: &'t [(String, Tree)],
    known: Vec<&'t str>,
}

impl Reader {
    pub(super) fn refuse(&mut self, path: &Path, message: impl Display) {
        self.problems.push((path.clone(), message.to_string()));
    }

    /// The value that the builder made. If it refused, that is a problem at `path`.
    pub(super) fn accept<T>(&mut self, path: &Path, made: Result<T, impl Display>) -> Option<T> {
        made.map_err(|error| self.refuse(path, error)).ok()
    }

    /// The number of problems so far.
    #[cfg(feature = "http-client")]
    pub(super) fn count(&self) -> usize {
        self.problems.len()
    }

    /// Refuses a value of the wrong type.
    pub(super) fn expect(&mut self, node: &Node, expected: impl Display) {
        let hint = match node.tree {
            Tree::Missing => "; elements are numbered from 0 without a gap".to_owned(),
            Tree::Table(entries) if node.tree.is_of_variables() => {
                let has = |is_meant: fn(&str) -> bool| entries.iter().any(|(name, _)| is_meant(name));
                if has(is_number_and_more) {
                    "; a number in the name of a variable has two underscores on each side".to_owned()
                } else if has(is_no_index) {
                    format!("; elements are numbered from 0 to {}, without leading zeros", MAX_ELEMENTS - 1)
                } else {
                    String::new()
                }
            }
            _ => String::new(),
        };
        self.refuse(&node.path, format_args!("expected {expected}, found {}{hint}", node.tree));
    }

    /// The problems in the order of `settings`. `names` are those of the variables that the settings came from.
    pub(super) fn problems(mut self, settings: &Tree, names: Option<&Names>) -> Option<Problems> {
        self.problems.sort_by_cached_key(|(path, _)| settings.position(path));
        let problems = self
            .problems
            .into_iter()
            .map(|(path, message)| Problem::new(path.to_string(), names.map(|names| names.of(&path)), message));
        Problems::new(problems.collect())
    }

    pub(super) fn string<'t>(&mut self, node: &Node<'t>) -> Option<&'t str> {
        if let Tree::String(text) | Tree::Variable(text) = node.tree {
            return Some(text);
        }
        self.expect(node, "a string");
        None
    }

    pub(super) fn integer(&mut self, node: &Node, expected: &str) -> Option<u64> {
        let number = match node.tree {
            Tree::Integer(number) => u64::try_from(*number).ok(),
            // Digits only: the parser alone would accept a sign too.
            Tree::Variable(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            _ => None,
        };
        if number.is_none() {
            self.expect(node, expected);
        }
        number
    }

    pub(super) fn boolean(&mut self, node: &Node, expected: &str) -> Option<bool> {
        let boolean = node.tree.boolean();
        if boolean.is_none() {
            self.expect(node, expected);
        }
        boolean
    }

    /// The meaning of one of several names.
    pub(super) fn one_of<T: Copy>(&mut self, node: &Node, choices: &[(&'static str, T)]) -> Option<T> {
        self.one_of_or(node, choices, |_| None)
    }

    /// Like [`one_of`](Self::one_of). For a name that is none of them, `hint` is asked for the end of the message before a name that
    /// looks similar is suggested.
    pub(super) fn one_of_or<T: Copy>(
        &mut self,
        node: &Node,
        choices: &[(&'static str, T)],
        hint: fn(&str) -> Option<String>,
    ) -> Option<T> {
        let names = || choices.iter().map(|(name, _)| *name);
        let expected = format!("one of {}", names().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", "));
        let (Tree::String(text) | Tree::Variable(text)) = node.tree else {
            self.expect(node, expected);
            return None;
        };
        let choice = choices.iter().find(|(name, _)| name == text);
        if choice.is_none() {
            let similar = || nearest(text, names()).map(|name| format!("; did you mean {name:?}?"));
            let hint = hint(text).or_else(similar).unwrap_or_default();
            self.refuse(&node.path, format_args!("expected {expected}, found {}{hint}", node.tree));
        }
        choice.map(|(_, meaning)| *meaning)
    }

    /// The strings of a list or the words of a variable, each with its place. `stand_in` takes the place of one that cannot be
    /// read.
    pub(super) fn strings<'t>(&mut self, node: &Node<'t>, stand_in: &'t str) -> Vec<(Path, &'t str)> {
        let strings = self.each_string(node).unwrap_or_else(|| vec![(node.path.clone(), None)]).into_iter();
        strings.map(|(path, string)| (path, string.unwrap_or(stand_in))).collect()
    }

    /// Like [`strings`](Self::strings), with `None` in the place of a string or a list that cannot be read.
    pub(super) fn each_string<'t>(&mut self, node: &Node<'t>) -> Option<Vec<(Path, Option<&'t str>)>> {
        if let Tree::Variable(text) = node.tree {
            return Some(self.words(node, text));
        }
        let Some(elements) = node.elements() else {
            self.expect(node, "a list of strings");
            return None;
        };
        let string = |element: Node<'t>| {
            let string = self.string(&element);
            (element.path, string)
        };
        Some(elements.into_iter().map(string).collect())
    }

    /// Like [`each_string`](Self::each_string), where the strings are secrets: a problem shows none of them.
    pub(super) fn each_secret<'t>(&mut self, node: &Node<'t>, expected: &str) -> Option<Vec<(Path, Option<&'t str>)>> {
        if let Tree::Variable(text) = node.tree {
            let words = text.split_ascii_whitespace().enumerate();
            return Some(words.map(|(at, word)| (node.path.element(at), Some(word))).collect());
        }
        let Some(elements) = node.elements() else {
            self.expect_secret(node, expected);
            return None;
        };
        let secret = |element: Node<'t>| {
            if let Tree::String(text) | Tree::Variable(text) = element.tree {
                return (element.path, Some(&**text));
            }
            self.expect_secret(&element, "a string");
            (element.path, None)
        };
        Some(elements.into_iter().map(secret).collect())
    }

    /// The string, which may be a secret: a problem does not show it.
    pub(super) fn secret<'t>(&mut self, node: &Node<'t>) -> Option<&'t str> {
        if let Tree::String(text) | Tree::Variable(text) = node.tree {
            return Some(text);
        }
        self.expect_secret(node, "a string");
        None
    }

    /// Refuses a value of the wrong type without showing it, because it may be a secret.
    pub(super) fn expect_secret(&mut self, node: &Node, expected: impl Display) {
        self.refuse(&node.path, format_args!("expected {expected}, found {}", node.tree.kind()));
    }

    /// The words of a variable, each with its place. A word with a comma is refused, because the variable may be a list with
    /// commas.
    pub(super) fn words<'t>(&mut self, node: &Node, text: &'t str) -> Vec<(Path, Option<&'t str>)> {
        let words = text.split_ascii_whitespace().enumerate();
        let word = |(at, word): (usize, &'t str)| {
            let path = node.path.element(at);
            if word.contains([',', ';']) {
                let found = shown(word);
                self.refuse(&path, format_args!("expected words separated by spaces, without commas, found the string {found:?}; set a value that contains a comma in a numbered variable of its own"));
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
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The setting of that name, which is a known one from now on.
    pub(super) fn get(&mut self, name: &'static str) -> Option<Node<'t>> {
        self.known.push(name);
        let (_, tree) = self.entries.iter().find(|(known, _)| known == name)?;
        Some(Node { tree, path: self.path.name(name) })
    }

    /// Whether the setting of that name is set. That does not make it a known one.
    #[cfg(feature = "introspection")]
    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|(known, _)| known == name)
    }

    /// Makes all names known ones, because a problem makes it unknown which settings there are.
    #[cfg(not(feature = "http-client"))]
    pub(super) fn accept_all(&mut self) {
        self.known.extend(self.entries.iter().map(|(name, _)| &**name));
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

    /// All entries, for a table whose names are not those of settings. One that is set twice is refused.
    pub(super) fn entries(self, reader: &mut Reader) -> Vec<(&'t str, Node<'t>)> {
        let entry = |(name, tree): &'t (String, Tree)| (&**name, Node { tree, path: self.path.name(name.clone()) });
        let entries: Vec<_> = self.entries.iter().map(entry).collect();
        for (at, (name, node)) in entries.iter().enumerate() {
            if entries[..at].iter().any(|(earlier, _)| earlier == name) {
                reader.refuse(&node.path, "set twice");
            }
        }
        entries
    }

    /// The setting of that name, which is required.
    pub(super) fn require(&mut self, reader: &mut Reader, name: &'static str, expected: &str) -> Option<Node<'t>> {
        let node = self.get(name);
        if node.is_none() {
            reader.refuse(&self.path.name(name), format_args!("missing setting, expected {expected}"));
        }
        node
    }

    /// Refuses all settings that are unknown or set twice, now that every known name has been asked for. The value of an unknown
    /// setting may be a secret of another program, so the message has only its name.
    pub(super) fn finish(self, reader: &mut Reader) {
        for (at, (name, tree)) in self.entries.iter().enumerate() {
            let path = self.path.name(name.clone());
            if self.entries[..at].iter().any(|(earlier, _)| earlier == name) {
                reader.refuse(&path, "set twice");
            } else if !self.known.contains(&&**name) {
                let with_two = || with_two_underscores(name, &self.known).filter(|_| tree.is_of_variables());
                let hint = match (with_two(), nearest(name, self.known.iter().copied())) {
                    (Some(meant), _) => format!("; did you mean {meant}, with two underscores?"),
                    (None, Some(meant)) => format!("; did you mean {meant}?"),
                    (None, None) => format!(", expected one of {}", self.known.join(", ")),
                };
                reader.refuse(&path, format_args!("unknown setting{hint}"));
            }
        }
    }
}
