use std::fmt;

/// A text of a configuration as an operator may see it, in quotes: without what may be a password in a URL, and not
/// longer than a line.
pub(super) struct Shown<'t>(pub(super) &'t str);

impl Shown<'_> {
    /// The most characters that are shown.
    pub(super) const MAX: usize = 100;

    /// The text within the quotes.
    pub(super) fn text(&self) -> String {
        let text = without_credentials(self.0);
        match text.char_indices().nth(Self::MAX) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text())
    }
}

/// What stands between the first colon, the slashes after it and the last `@` may be a user's name and password, also
/// where the rest is too broken for a parser to tell (RFC 3986 §3.2.1).
fn without_credentials(text: &str) -> String {
    let hidden = text.rsplit_once('@').and_then(|(before, host)| {
        let (scheme, rest) = before.split_once(':')?;
        let slashes = rest.len() - rest.trim_start_matches(['/', '\\']).len();
        Some(format!("{scheme}:{}…@{host}", &rest[..slashes]))
    });
    hidden.unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let cases = [
            ("https://user:secret@h.example/a?b", "https://…@h.example/a?b"),
            ("https://secret@h.example", "https://…@h.example"),
            ("https://user:sec@ret@h.example", "https://…@h.example"),
            ("https://user:sec/ret@h.example", "https://…@h.example"),
            ("https://user:sec ret@h.example", "https://…@h.example"),
            ("https:\\\\user:secret@h.example", "https:\\\\…@h.example"),
            ("https:user:secret@h.example", "https:…@h.example"),
            ("//user:secret@h.example", "//user:…@h.example"),
            ("user:secret@h.example", "user:…@h.example"),
            ("worker@shop.example", "worker@shop.example"),
            ("https://h.example:8443/a", "https://h.example:8443/a"),
        ];
        for (text, shown) in cases {
            assert_eq!(Shown(text).text(), shown);
        }
    }

    #[test]
    fn what_is_long_is_cut_and_what_is_odd_is_escaped() {
        assert_eq!(Shown(&"é".repeat(100)).text(), "é".repeat(100));
        assert_eq!(Shown(&"é".repeat(101)).text(), format!("{}…", "é".repeat(100)));
        assert_eq!(Shown("a\n\"\u{1b}").to_string(), r#""a\n\"\u{1b}""#);
    }
}
