use std::fmt;
use std::str::FromStr;

use crate::jose::Strings;
use crate::redact;

/// A set of scope tokens (RFC 6749 §3.3): what a token grants, or what an operation needs.
///
/// Scope tokens compare case-sensitively and whole. The text form is theirs, one space between two.
///
/// ```
/// use tower_bearer::Scope;
///
/// let scope: Scope = "read:me write:me".parse()?;
/// assert!(scope.contains("read:me"));
/// assert!(!scope.contains("read"));
/// # Ok::<(), tower_bearer::token::InvalidScope>(())
/// ```
#[derive(Clone, Debug)]
pub struct Scope(Box<str>);

impl Scope {
    /// Whether `token` is one of the scope tokens.
    #[must_use]
    pub fn contains(&self, token: &str) -> bool {
        self.iter().any(|own| own == token)
    }

    /// Whether every scope token of `other` is also one of this scope's.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        other.iter().all(|token| self.contains(token))
    }

    /// The scope tokens, in the order in which they were written.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|token| !token.is_empty())
    }

    /// Whether there is no scope token at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The scope tokens with one space between two.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The scope tokens of both.
    pub(crate) fn and(self, other: &Self) -> Self {
        let more = other.iter().filter(|token| !self.contains(token));
        Self(self.iter().chain(more).collect::<Vec<_>>().join(" ").into())
    }

    /// No scope token at all. Only a token can have that: a requirement of nothing would be a mistake.
    pub(super) fn none() -> Self {
        Self("".into())
    }

    /// What a token's claim grants. A string splits at the space and nowhere else; what is then no scope token grants nothing,
    /// in particular not the words in it.
    pub(super) fn granted(value: &Strings<'_>) -> Option<Self> {
        match value {
            Strings::One(text) => Some(text.parse().unwrap_or_else(|_| Self::of(text.split(' ')))),
            Strings::Many(tokens) => Some(Self::of(tokens.iter().map(AsRef::as_ref))),
            Strings::Other => None,
        }
    }

    /// Those of the texts that are scope tokens.
    fn of<'a>(tokens: impl Iterator<Item = &'a str>) -> Self {
        let tokens: Vec<&str> = tokens.filter(|token| is_scope_token(token)).collect();
        Self(tokens.join(" ").into())
    }
}

/// As sets: neither order nor repetition counts.
impl PartialEq for Scope {
    fn eq(&self, other: &Self) -> bool {
        self.includes(other) && other.includes(self)
    }
}

impl Eq for Scope {}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads one or more scope tokens with exactly one space between two.
impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        if text.split(' ').all(is_scope_token) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidScope(redact::cut(text).into_owned()))
        }
    }
}

/// A text that is no scope by the grammar of RFC 6749 §3.3, cut to 200 characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a list of scope tokens with one space between two (RFC 6749 §3.3)")]
pub struct InvalidScope(pub String);

/// `1*( %x21 / %x23-5B / %x5D-7E )` (RFC 6749 §3.3).
fn is_scope_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|octet| matches!(octet, 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row H1.
    #[test]
    fn tokens_are_split_at_spaces_and_compared_exactly() {
        let one = |text: &str| Scope::granted(&Strings::One(text.into())).unwrap();
        assert!(one("read:me write:me").contains("write:me"));
        assert!(one("  read:me  ").contains("read:me"));
        for other in ["read:me2", "READ:ME", "xread:me", "read:me\tx", "x\u{a0}read:me", "read:me,x", "\"read:me\"", ""]
        {
            assert!(!one(other).contains("read:me"), "{other:?}");
        }
        assert!(!one("a  b").contains(""));
        assert!(one("   ").is_empty());
    }

    /// Row H4.
    #[test]
    fn an_array_element_with_a_space_is_one_token() {
        let many =
            |tokens: &[&str]| Scope::granted(&Strings::Many(tokens.iter().map(|&t| t.into()).collect())).unwrap();
        assert!(many(&["a", "b"]).includes(&"b a".parse().unwrap()));
        assert!(!many(&["a b"]).contains("a"));
        assert!(!many(&["a b"]).contains("b"));
        assert!(many(&["a b", "c"]).contains("c"));
        assert_eq!(Scope::granted(&Strings::Other), None);
    }

    #[test]
    fn a_required_scope_must_follow_the_grammar() {
        for bad in ["", " ", " a", "a ", "a  b", "a\tb", "a\"", "a\\b", "é", "a\nb"] {
            assert!(bad.parse::<Scope>().is_err(), "{bad:?}");
        }
        assert_eq!("https://example.com/a.b a!b".parse::<Scope>().unwrap().iter().count(), 2);
    }
}
