use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use crate::jose::Strings;
use crate::redact::Excerpt;

/// What a client asks an authorization server for to get a refresh token (OpenID Connect Core §11). No operation of a resource needs
/// it, so no resource server should tell clients to ask for it.
pub(crate) const OFFLINE_ACCESS: &str = "offline_access";

/// A set of scope tokens (RFC 6749 §3.3): what a token grants, or what an operation needs.
///
/// Scope tokens are case-sensitive and compared as a whole. As text, and with serde, a scope is its tokens separated by one space.
/// The empty scope cannot be parsed from text; only a token can have it.
///
/// ```
/// use tower_bearer::Scope;
///
/// let scope: Scope = "read:me write:me".parse()?;
/// assert!(scope.contains("read:me"));
/// assert!(!scope.contains("read"));
/// # Ok::<(), tower_bearer::token::InvalidScope>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Scope(Box<str>);

impl Scope {
    /// Whether `token` is one of the scope tokens.
    #[must_use]
    pub fn contains(&self, token: &str) -> bool {
        self.iter().any(|own| own == token)
    }

    /// Whether this scope has every scope token of `other`.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        other.iter().all(|token| self.contains(token))
    }

    /// The scope tokens, in the order in which they were written.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|token| !token.is_empty())
    }

    /// Whether there are no scope tokens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The scope tokens, separated by one space.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The scope tokens of both.
    pub(crate) fn and(self, other: &Self) -> Self {
        let more = other.iter().filter(|token| !self.contains(token));
        Self(self.iter().chain(more).collect::<Vec<_>>().join(" ").into())
    }

    /// Its scope tokens that `keep` accepts, or `None` if there are none. The text stays as it is if all are kept.
    pub(crate) fn filtered(self, keep: impl Fn(&str) -> bool) -> Option<Self> {
        if self.iter().all(&keep) {
            return Some(self).filter(|scope| !scope.is_empty());
        }
        let kept: Vec<&str> = self.iter().filter(|token| keep(token)).collect();
        (!kept.is_empty()).then(|| Self(kept.join(" ").into()))
    }

    /// With these scope tokens after its own.
    pub(super) fn followed_by<'a>(self, more: impl Iterator<Item = &'a str>) -> Self {
        let mut text = String::from(self.0);
        for token in more {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(token);
        }
        Self(text.into())
    }

    /// The empty scope. Only a token can have it: a requirement of nothing would be a mistake.
    pub(crate) fn none() -> Self {
        Self("".into())
    }

    /// What a token's claim grants. A string splits at spaces and nowhere else. A part that is not a scope token then grants
    /// nothing, and neither do the words in it.
    pub(crate) fn granted(value: &Strings<'_>) -> Option<Self> {
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

/// Compares as sets, regardless of order and repetition.
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

/// Parses one or more scope tokens with exactly one space between two.
impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        if is_scope(text) { Ok(Self(text.into())) } else { Err(InvalidScope { text: text.into() }) }
    }
}

impl TryFrom<&str> for Scope {
    type Error = InvalidScope;

    fn try_from(text: &str) -> Result<Self, InvalidScope> {
        text.parse()
    }
}

impl TryFrom<String> for Scope {
    type Error = InvalidScope;

    fn try_from(text: String) -> Result<Self, InvalidScope> {
        text.parse()
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Text that does not follow the grammar of a scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected scope tokens separated by one space (RFC 6749 §3.3), found {text:?}")]
pub struct InvalidScope {
    text: Excerpt,
}

impl InvalidScope {
    /// The text, truncated to 200 characters.
    #[must_use]
    pub fn text(&self) -> &Excerpt {
        &self.text
    }
}

/// `scope-token *( SP scope-token )` (RFC 6749 §3.3), in one pass: to split it costs four times as much, at every first use of a token.
fn is_scope(text: &str) -> bool {
    let mut before = b' ';
    let fits = |byte: u8| {
        let after = std::mem::replace(&mut before, byte);
        is_scope_byte(byte) || (byte == b' ' && after != b' ')
    };
    text.bytes().all(fits) && before != b' '
}

/// `1*( %x21 / %x23-5B / %x5D-7E )` (RFC 6749 §3.3).
fn is_scope_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(is_scope_byte)
}

fn is_scope_byte(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)
}

#[cfg(test)]
mod tests {
    use super::*;

    // h1
    #[test]
    fn tokens_compare_as_a_whole_and_case_sensitively_and_split_at_spaces_only() {
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

    // h4
    #[test]
    fn an_array_element_with_a_space_grants_nothing() {
        let many =
            |tokens: &[&str]| Scope::granted(&Strings::Many(tokens.iter().map(|&t| t.into()).collect())).unwrap();
        assert!(many(&["a", "b"]).includes(&"b a".parse().unwrap()));
        assert!(!many(&["a b"]).contains("a"));
        assert!(!many(&["a b"]).contains("b"));
        assert!(many(&["a b", "c"]).contains("c"));
        assert_eq!(Scope::granted(&Strings::Other), None);
    }

    #[test]
    fn parsing_follows_the_grammar() {
        for bad in ["", " ", " a", "a ", "a  b", "a\tb", "a\"", "a\\b", "é", "a\nb"] {
            assert!(bad.parse::<Scope>().is_err(), "{bad:?}");
            assert!(Scope::try_from(bad).is_err(), "{bad:?}");
            assert!(Scope::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
        assert_eq!("https://example.com/a.b a!b".parse::<Scope>().unwrap().iter().count(), 2);
    }

    #[test]
    fn serde_form_is_the_text() {
        let scope: Scope = serde_json::from_str(r#""write:me read:me""#).unwrap();
        assert_eq!(serde_json::to_string(&scope).unwrap(), r#""write:me read:me""#);
        assert_eq!(scope, "read:me write:me".try_into().unwrap());
        for bad in [r#""""#, r#"" a""#, r#"["a"]"#, "1", "null"] {
            assert!(serde_json::from_str::<Scope>(bad).is_err(), "{bad}");
        }
        let error = serde_json::from_str::<Scope>(r#""a  b""#).unwrap_err();
        assert_eq!(error.to_string(), r#"expected scope tokens separated by one space (RFC 6749 §3.3), found "a  b""#);
        assert_eq!(serde_json::to_string(&Scope::none()).unwrap(), r#""""#);
    }
}
