use std::borrow::Cow;
use std::sync::OnceLock;

use super::algorithm::Algorithm;
use super::header::Header;

/// The maximum number of headers: more than the keys that one server usually sees.
const CAPACITY: usize = 32;
/// The maximum length of a header that is kept, in characters. A header with a certificate chain is longer.
const MAX_LENGTH: usize = 1024;

/// The headers of tokens that were verified, in their encoded form.
///
/// An issuer writes the same header for every token that it signs with one key, so it is parsed once. A token with another header
/// was not verified before, so it is not looked up in the cache. That saves the hash of a forged token, which is 16 % of its
/// refusal: `cargo bench --bench ratios -- hand_written`.
///
/// Nothing is ever removed, and nothing is added once it is full. A header depends on nothing but its text, so an old entry is as
/// good as a new one.
#[derive(Debug, Default)]
pub(crate) struct KnownHeaders([OnceLock<KnownHeader>; CAPACITY]);

#[derive(Debug)]
struct KnownHeader {
    text: Box<str>,
    algorithm: Algorithm,
    kid: Option<Box<str>>,
    typ: Option<Box<str>>,
}

impl KnownHeaders {
    /// Whether a token with this header may be in the cache of verified tokens.
    pub(crate) fn may_be_cached(&self, token: &str) -> bool {
        let text = token.split_once('.').map_or(token, |(header, _)| header);
        text.len() > MAX_LENGTH || self.position(text).is_some() || self.0[CAPACITY - 1].get().is_some()
    }

    /// The header with this encoded form.
    pub(super) fn get(&self, text: &str) -> Option<Header<'_>> {
        let KnownHeader { algorithm, kid, typ, .. } = self.0[self.position(text)?].get()?;
        let [kid, typ] = [kid, typ].map(|value| value.as_deref().map(Cow::Borrowed));
        Some(Header { algorithm: *algorithm, kid, typ })
    }

    /// Adds the header of a token that was verified.
    pub(super) fn learn(&self, text: &str, header: &Header<'_>) {
        if text.len() > MAX_LENGTH || self.position(text).is_some() {
            return;
        }
        let kept = |value: &Option<Cow<'_, str>>| value.as_deref().map(Into::into);
        let mut known = KnownHeader {
            text: text.into(),
            algorithm: header.algorithm,
            kid: kept(&header.kid),
            typ: kept(&header.typ),
        };
        for slot in &self.0 {
            match slot.set(known) {
                Ok(()) => return,
                Err(taken) => known = taken,
            }
        }
    }

    fn position(&self, text: &str) -> Option<usize> {
        for (place, slot) in self.0.iter().enumerate() {
            // The slots fill up from the first on.
            if &*slot.get()?.text == text {
                return Some(place);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(kid: &str) -> Header<'_> {
        Header { algorithm: Algorithm::ES256, kid: Some(Cow::Borrowed(kid)), typ: None }
    }

    #[test]
    fn a_header_is_found_by_its_whole_text() {
        let known = KnownHeaders::default();
        assert!(known.get("abc").is_none() && !known.may_be_cached("abc.d.e"));
        known.learn("abc", &header("1"));
        known.learn("abcd", &header("2"));
        assert_eq!(known.get("abc").and_then(|header| header.kid).as_deref(), Some("1"));
        assert_eq!(known.get("abcd").and_then(|header| header.kid).as_deref(), Some("2"));
        for other in ["", "ab", "abcde", "ABC"] {
            assert!(known.get(other).is_none() && !known.may_be_cached(&format!("{other}.d.e")), "{other}");
        }
        assert!(known.may_be_cached("abc.d.e") && known.may_be_cached("abc"));
    }

    #[test]
    fn a_token_whose_header_is_not_kept_may_be_cached() {
        let known = KnownHeaders::default();
        let long = "a".repeat(MAX_LENGTH + 1);
        known.learn(&long, &header("1"));
        assert!(known.get(&long).is_none() && known.may_be_cached(&long));
        for number in 0..CAPACITY {
            assert!(!known.may_be_cached("other"), "{number}");
            known.learn(&number.to_string(), &header("1"));
        }
        assert!(known.may_be_cached("other"), "it is full");
        known.learn("other", &header("1"));
        assert!(known.get("other").is_none() && known.get("0").is_some());
    }
}
