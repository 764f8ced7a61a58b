use std::collections::HashMap;

use super::invalid_pattern::InvalidPattern;
use crate::Require;

/// A name, or the start of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    Exact(Box<str>),
    Prefix(Box<str>),
}

impl Pattern {
    /// An asterisk at the end makes it a start of names. An asterisk elsewhere is refused, so that nobody takes the pattern for one with
    /// two ends.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let (name, make): (_, fn(Box<str>) -> Self) = match text.strip_suffix('*') {
            Some(prefix) => (prefix, Self::Prefix),
            None => (text, Self::Exact),
        };
        if text.is_empty() || name.contains('*') { Err(InvalidPattern::new(text)) } else { Ok(make(name.into())) }
    }
}

/// Which requirement a name has, by patterns: a look-up compares a number of them that grows with the logarithm of their number.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    exact: HashMap<Box<str>, Require>,
    /// In the order of their texts.
    prefixes: Box<[Prefix]>,
}

#[derive(Debug)]
struct Prefix {
    text: Box<str>,
    /// What all prefixes require that this text starts with, itself included.
    requirement: Require,
    /// The longest other one that this text starts with.
    parent: Option<usize>,
}

impl Patterns {
    /// Of the same pattern twice, both requirements count.
    pub(super) fn new(patterns: impl IntoIterator<Item = (Pattern, Require)>) -> Self {
        let mut exact = HashMap::new();
        let mut prefixes: Vec<(Box<str>, Require)> = Vec::new();
        for (pattern, requirement) in patterns {
            match pattern {
                Pattern::Exact(name) => {
                    let both = match exact.remove(&name) {
                        Some(before) => Require::and(before, requirement),
                        None => requirement,
                    };
                    exact.insert(name, both);
                }
                Pattern::Prefix(text) => prefixes.push((text, requirement)),
            }
        }
        // Stable, so that the first of two requirements with the same text stays the first.
        prefixes.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut table: Vec<Prefix> = Vec::with_capacity(prefixes.len());
        for (text, own) in prefixes {
            let parent = ancestors(&table, table.len().checked_sub(1)).find(|at| text.starts_with(&*table[*at].text));
            match parent.map(|at| &mut table[at]) {
                Some(same) if same.text == text => same.requirement = same.requirement.clone().and(own),
                Some(shorter) => {
                    let requirement = shorter.requirement.clone().and(own);
                    table.push(Prefix { text, requirement, parent });
                }
                None => table.push(Prefix { text, requirement: own, parent: None }),
            }
        }
        Self { exact, prefixes: table.into() }
    }

    /// The requirement of its exact name; or else of all prefixes that it starts with.
    pub(super) fn find(&self, name: &str) -> Option<&Require> {
        if let Some(requirement) = self.exact.get(name) {
            return Some(requirement);
        }
        // Every prefix of the name is before it in the order. The longest one is the last before it, or one that the last starts with.
        let last = self.prefixes.partition_point(|prefix| *prefix.text <= *name).checked_sub(1);
        let longest = ancestors(&self.prefixes, last).find(|at| name.starts_with(&*self.prefixes[*at].text));
        longest.map(|at| &self.prefixes[at].requirement)
    }

    pub(super) fn requirements(&self) -> impl Iterator<Item = &Require> {
        self.exact.values().chain(self.prefixes.iter().map(|prefix| &prefix.requirement))
    }
}

/// The place itself, then its parent and so on.
fn ancestors(table: &[Prefix], from: Option<usize>) -> impl Iterator<Item = usize> {
    std::iter::successors(from, |at| table[*at].parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Patterns {
        let rule =
            |text: &&str| (Pattern::parse(text).unwrap(), Require::token().and_issuers([&*text.replace('*', "+")]));
        Patterns::new(texts.iter().map(rule))
    }

    /// The patterns whose requirements a name has.
    fn found(patterns: &Patterns, name: &str) -> Vec<String> {
        let shown = patterns.find(name).map(|it| format!("{it:?}")).unwrap_or_default();
        shown.split('"').skip(1).step_by(2).map(|text| text.replace('+', "*")).collect()
    }

    #[test]
    fn a_pattern_has_an_asterisk_at_its_end_alone() {
        assert_eq!(Pattern::parse("a").unwrap(), Pattern::Exact("a".into()));
        assert_eq!(Pattern::parse("a*").unwrap(), Pattern::Prefix("a".into()));
        assert_eq!(Pattern::parse("*").unwrap(), Pattern::Prefix("".into()));
        for bad in ["", "*a", "a*b", "a**", "**"] {
            let error = Pattern::parse(bad).unwrap_err().to_string();
            assert!(error.ends_with(&format!("found {bad:?}")), "{error}");
        }
    }

    #[test]
    fn an_exact_name_is_before_all_prefixes_and_all_prefixes_count() {
        let table = patterns(&["delete_*", "delete_draft", "*", "delete_all_*", "read", "read*"]);
        for (name, expected) in [
            ("delete_draft", &["delete_draft"][..]),
            ("delete_drafts", &["*", "delete_*"]),
            ("delete_all_users", &["*", "delete_*", "delete_all_*"]),
            ("delete_", &["*", "delete_*"]),
            ("delete", &["*"]),
            ("DELETE_x", &["*"]),
            ("read", &["read"]),
            ("read_x", &["*", "read*"]),
            ("", &["*"]),
            ("\u{10ffff}", &["*"]),
        ] {
            assert_eq!(found(&table, name), expected, "{name}");
        }
        assert_eq!(found(&patterns(&["delete_*", "a"]), "read"), [""; 0]);
        assert_eq!(found(&patterns(&[]), ""), [""; 0]);
    }

    #[test]
    fn the_same_pattern_twice_counts_twice() {
        for text in ["a", "a*"] {
            let rule = |scope: &str| (Pattern::parse(text).unwrap(), Require::scope(scope));
            let table = Patterns::new([rule("one"), rule("two"), rule("three")]);
            let shown = format!("{:?}", table.find("a").unwrap());
            assert!(["one", "two", "three"].iter().all(|scope| shown.contains(scope)), "{shown}");
        }
    }

    /// Against a search through all patterns.
    #[test]
    fn the_table_finds_what_a_search_finds() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut word = move |longest: usize| -> String {
            let length = random.usize(0..=longest);
            std::iter::repeat_with(|| random.choice(['a', 'b', '\u{e9}']).unwrap()).take(length).collect()
        };
        for _ in 0..200 {
            let mut texts: Vec<String> = (0..12).map(|_| word(5) + "*").collect();
            texts.sort();
            texts.dedup();
            let table = patterns(&texts.iter().map(|it| &**it).collect::<Vec<_>>());
            for _ in 0..50 {
                let name = word(7);
                let mut expected: Vec<_> =
                    texts.iter().filter(|text| name.starts_with(text.trim_end_matches('*'))).cloned().collect();
                expected.sort_by_key(String::len);
                assert_eq!(found(&table, &name), expected, "{name} among {texts:?}");
            }
        }
    }
}
