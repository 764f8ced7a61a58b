use super::invalid_pattern::InvalidPattern;
use crate::Require;

/// A name, or a prefix of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    Exact(Box<str>),
    Prefix(Box<str>),
}

impl Pattern {
    /// An asterisk at the end makes it a prefix. An asterisk elsewhere is refused, so that nobody expects it to be a wildcard
    /// there.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let (name, make): (_, fn(Box<str>) -> Self) = match text.strip_suffix('*') {
            Some(prefix) => (prefix, Self::Prefix),
            None => (text, Self::Exact),
        };
        if text.is_empty() || name.contains('*') { Err(InvalidPattern::new(text)) } else { Ok(make(name.into())) }
    }
}

/// Which requirement a name has, by patterns: a lookup compares a number of them that grows with the logarithm of their number.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    /// The names and prefixes in their order, one after the other, so that a lookup reads little memory.
    texts: Box<str>,
    /// Where each of them ends.
    ends: Box<[usize]>,
    rules: Box<[Rule]>,
}

/// What belongs to one text.
#[derive(Debug)]
struct Rule {
    is_exact: bool,
    /// For a prefix: what all prefixes that this text begins with require, itself included.
    requirement: Require,
    /// The longest prefix that this text starts with, other than itself.
    parent: Option<usize>,
}

impl Patterns {
    /// If the same pattern occurs twice, both requirements count.
    pub(super) fn new(patterns: impl IntoIterator<Item = (Pattern, Require)>) -> Self {
        let parts = patterns.into_iter().map(|(pattern, requirement)| match pattern {
            // A name comes after the prefix with the same text, because a lookup takes the last one.
            Pattern::Exact(text) => (text, true, requirement),
            Pattern::Prefix(text) => (text, false, requirement),
        });
        let mut sorted: Vec<_> = parts.collect();
        // Stable, so that the first of two requirements stays the first.
        sorted.sort_by(|(one, is_exact, _), (other, other_is_exact, _)| (one, is_exact).cmp(&(other, other_is_exact)));
        let mut texts: Vec<Box<str>> = Vec::with_capacity(sorted.len());
        let mut rules: Vec<Rule> = Vec::with_capacity(sorted.len());
        for (text, is_exact, own) in sorted {
            if let (Some(before), Some(rule)) = (texts.last(), rules.last_mut())
                && (before, rule.is_exact) == (&text, is_exact)
            {
                rule.requirement = rule.requirement.clone().and(own);
                continue;
            }
            let parent = ancestors(&rules, rules.len().checked_sub(1))
                .find(|at| !rules[*at].is_exact && text.starts_with(&*texts[*at]));
            let requirement = match parent.filter(|_| !is_exact) {
                Some(parent) => rules[parent].requirement.clone().and(own),
                None => own,
            };
            rules.push(Rule { is_exact, requirement, parent });
            texts.push(text);
        }
        let ends = texts.iter().scan(0, |end, text| {
            *end += text.len();
            Some(*end)
        });
        Self { ends: ends.collect(), texts: texts.concat().into(), rules: rules.into() }
    }

    /// The requirement of its exact name; or else of all prefixes that it starts with.
    pub(super) fn find(&self, name: &str) -> Option<&Require> {
        let last = self.last_until(name)?;
        // Whatever the name starts with is before it in the order. The longest such text is the last one, or the last one starts with it.
        let matches = |at: &usize| {
            let text = self.text(*at);
            if self.rules[*at].is_exact { text == name } else { name.starts_with(text) }
        };
        ancestors(&self.rules, Some(last)).find(matches).map(|at| &self.rules[at].requirement)
    }

    pub(super) fn requirements(&self) -> impl Iterator<Item = &Require> {
        self.rules.iter().map(|rule| &rule.requirement)
    }

    /// The last text that is not after `name`.
    fn last_until(&self, name: &str) -> Option<usize> {
        let (mut from, mut to) = (0, self.rules.len());
        while from < to {
            let middle = usize::midpoint(from, to);
            if self.text(middle) <= name { from = middle + 1 } else { to = middle }
        }
        from.checked_sub(1)
    }

    fn text(&self, at: usize) -> &str {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.texts[start..self.ends[at]]
    }
}

/// The place itself, then its parent and so on.
fn ancestors(rules: &[Rule], from: Option<usize>) -> impl Iterator<Item = usize> {
    std::iter::successors(from, |at| rules[*at].parent)
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
        for _ in 0..200 {
            let mut texts: Vec<String> =
                (0..16).map(|_| word(&mut random, 5) + random.choice(["", "*"]).unwrap()).collect();
            texts.retain(|text| !text.is_empty());
            texts.sort();
            texts.dedup();
            let table = patterns(&texts.iter().map(|it| &**it).collect::<Vec<_>>());
            for _ in 0..50 {
                let name = word(&mut random, 7);
                let is_prefix = |text: &&String| text.strip_suffix('*').is_some_and(|start| name.starts_with(start));
                let mut expected: Vec<_> = texts.iter().filter(is_prefix).cloned().collect();
                expected.sort_by_key(String::len);
                if texts.contains(&name) {
                    expected = vec![name.clone()];
                }
                assert_eq!(found(&table, &name), expected, "{name} among {texts:?}");
            }
        }
    }

    fn word(random: &mut fastrand::Rng, longest: usize) -> String {
        let length = random.usize(0..=longest);
        std::iter::repeat_with(|| random.choice(['a', 'b', '\u{e9}']).unwrap()).take(length).collect()
    }
}
