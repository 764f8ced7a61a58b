use std::fmt;

use crate::connect_error::ConnectErrorKind;

const MAX_LENGTH: usize = 64;
/// How much of a wrong namespace an error shows.
const MAX_SHOWN: usize = 80;

/// The part of Redis' keys that belongs to one service.
///
/// It has no colon, so `tower-bearer:NAMESPACE:*` matches the keys of this namespace and of no other. It has no character that is special
/// in such a pattern, and no brace, which would decide about the slot in a cluster.
#[derive(Clone)]
pub(crate) struct Namespace(String);

impl Namespace {
    pub(crate) fn new(text: &str) -> Result<Self, ConnectErrorKind> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(is_allowed) {
            return Ok(Self(text.to_owned()));
        }
        let found = text.chars().take(MAX_SHOWN).collect();
        Err(ConnectErrorKind::Namespace { found, length: text.len(), max: MAX_LENGTH })
    }

    /// The only key of a kind of data.
    pub(crate) fn key(&self, kind: &str) -> Vec<u8> {
        [b"tower-bearer:", self.0.as_bytes(), b":", kind.as_bytes()].concat()
    }

    /// The key for an entry of a kind of data.
    pub(crate) fn entry_key(&self, kind: &str, entry: &[u8]) -> Vec<u8> {
        [&self.key(kind)[..], b":", entry].concat()
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_has_1_to_64_characters_without_meaning_in_keys_and_patterns() {
        for good in ["a", "orders-api", "EU.prod_2", &"x".repeat(64)] {
            assert!(Namespace::new(good).is_ok(), "{good}");
        }
        for bad in ["", " ", "a b", "a:b", "a*", "a?", "[a]", "{a}", "a\n", "é", "a/b", &"x".repeat(65)] {
            assert!(Namespace::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_error_shows_what_was_found() {
        let error = Namespace::new("orders:eu").unwrap_err().to_string();
        assert_eq!(
            error,
            "expected 1 to 64 characters of A-Z a-z 0-9 . _ - as the namespace, and found 9 bytes in \"orders:eu\""
        );
        assert!(Namespace::new(&"x".repeat(10_000)).unwrap_err().to_string().len() < 300);
    }

    #[test]
    fn a_key_is_the_namespace_the_kind_and_the_bytes() {
        let orders = Namespace::new("orders").unwrap();
        assert_eq!(orders.key("revocations"), b"tower-bearer:orders:revocations");
        assert_eq!(orders.entry_key("dpop", &[0, 255]), b"tower-bearer:orders:dpop:\x00\xff");
    }
}
