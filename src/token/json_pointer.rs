use crate::redact::Excerpt;

/// A JSON pointer to a claim (RFC 6901): its reference tokens, unescaped, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JsonPointer(Box<[Box<str>]>);

impl JsonPointer {
    /// Reads the pointer that `text` is (RFC 6901 §3). The empty one is refused, because it points to no claim but to the whole
    /// payload.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidPointer> {
        let invalid = || InvalidPointer { text: text.into() };
        let tokens = text.strip_prefix('/').ok_or_else(invalid)?.split('/');
        tokens.map(|token| unescape(token).ok_or_else(invalid)).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn tokens(&self) -> &[Box<str>] {
        &self.0
    }

    pub(crate) fn into_tokens(self) -> Box<[Box<str>]> {
        self.0
    }
}

/// Text that is not a JSON pointer to a claim.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a JSON pointer to a claim, such as \"/realm_access/roles\" (RFC 6901), found {text:?}")]
pub struct InvalidPointer {
    text: Excerpt,
}

impl InvalidPointer {
    /// The text, truncated to 200 characters.
    #[must_use]
    pub fn text(&self) -> &Excerpt {
        &self.text
    }
}

/// Whether a reference token names the element of an array at `index`: digits without a leading zero (RFC 6901 §4).
pub(crate) fn is_index(token: &str, index: usize) -> bool {
    let plain = token == "0" || !token.starts_with(['0', '+']);
    plain && token.parse() == Ok(index)
}

/// Replaces `~1` by a slash and `~0` by a tilde (RFC 6901 §4).
fn unescape(token: &str) -> Option<Box<str>> {
    let mut parts = token.split('~');
    let mut text = parts.next()?.to_owned();
    for part in parts {
        let (character, rest) =
            if let Some(rest) = part.strip_prefix('0') { ('~', rest) } else { ('/', part.strip_prefix('1')?) };
        text.push(character);
        text.push_str(rest);
    }
    Some(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_starts_with_a_slash_and_escapes_two_characters() {
        for bad in ["", "roles", "roles/0", "/a~", "/a~2", "~0/a"] {
            assert!(JsonPointer::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(JsonPointer::parse("/a~1b/~01/").unwrap().tokens(), ["a/b".into(), "~1".into(), "".into()]);
    }
}
