//! Bounded excerpts of untrusted text for errors, and URLs without secrets.
//!
//! An [`Excerpt`] is made when an error is created, so no error holds more text than that, and no log can show more.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use url::Url;

/// The maximum number of characters of a text that are kept, counted as they are displayed: `\u{1b}` counts as six.
pub(crate) const MAX_CHARACTERS: usize = 200;
/// The maximum number of texts of a list that are kept.
const MAX_TEXTS: usize = 8;

/// At most 200 characters of untrusted text, such as a claim of an unverified token.
///
/// Longer text is truncated and ends in `…`, which is one of the 200 characters. `Display` escapes control characters, quotes
/// and invisible characters, so the text cannot forge a log line. `Debug` does the same and adds quotes. Escapes are included in
/// the limit, so the output of `Debug` has at most 202 characters. An excerpt dereferences to the text without escapes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Excerpt(Box<str>);

impl From<&str> for Excerpt {
    fn from(text: &str) -> Self {
        Self(cut(text).into())
    }
}

impl From<Cow<'_, str>> for Excerpt {
    fn from(text: Cow<'_, str>) -> Self {
        Self(cut(&text).into())
    }
}

impl From<String> for Excerpt {
    fn from(text: String) -> Self {
        Self::from(&*text)
    }
}

impl Deref for Excerpt {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Excerpt {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for Excerpt {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `str::escape_debug` escapes apostrophes, and the `Debug` form of a string does not.
        self.0.split('\'').enumerate().try_for_each(|(at, part)| {
            f.write_str(if at == 0 { "" } else { "'" })?;
            part.escape_debug().fmt(f)
        })
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The first 8 texts of an untrusted list, each as an [`Excerpt`], and the length of the list.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Excerpts {
    first: Vec<Excerpt>,
    total: usize,
}

impl Excerpts {
    /// The first texts of the list, at most 8, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Excerpt> {
        self.first.iter()
    }

    /// The length of the list.
    #[must_use]
    pub fn total(&self) -> usize {
        self.total
    }
}

impl<'e> IntoIterator for &'e Excerpts {
    type Item = &'e Excerpt;
    type IntoIter = std::slice::Iter<'e, Excerpt>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: Into<Excerpt>> FromIterator<T> for Excerpts {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        let mut texts = texts.into_iter();
        let first: Vec<Excerpt> = texts.by_ref().take(MAX_TEXTS).map(Into::into).collect();
        let total = first.len() + texts.count();
        Self { first, total }
    }
}

impl<T: Into<Excerpt>, const N: usize> From<[T; N]> for Excerpts {
    fn from(texts: [T; N]) -> Self {
        texts.into_iter().collect()
    }
}

/// Formats a list: `["a", "b"]`, or `["a", …, "h", and 2992 more]`.
impl fmt::Debug for Excerpts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        list.entries(&self.first);
        match self.total - self.first.len() {
            0 => &mut list,
            more => list.entry(&format_args!("and {more} more")),
        }
        .finish()
    }
}

/// The text in quotes, escaped and cut, or the word `none`.
pub(crate) fn quoted(text: Option<&str>) -> String {
    text.map_or("none".to_owned(), |text| format!("{:?}", cut(text)))
}

/// A URL, or text that was meant to be one, without user name and password and without the values of its query and fragment, cut
/// to 200 characters. The names of the parameters stay: `https://…@example.com/keys?code=…`.
pub(crate) fn url(text: &str) -> String {
    cut(&without_secrets(text)).into_owned()
}

/// Like [`url`], for a parsed URL.
pub(crate) fn place(url: &Url) -> Box<str> {
    self::url(url.as_str()).into()
}

/// The text, cut to 200 characters as they are displayed, including the `…` at its end.
pub(crate) fn cut(text: &str) -> Cow<'_, str> {
    let mut shown = 0;
    // The longest prefix that leaves room for the `…`.
    let mut end = 0;
    for (at, character) in text.char_indices() {
        shown += width(character);
        if shown > MAX_CHARACTERS {
            return Cow::Owned(format!("{}…", &text[..end]));
        }
        if shown < MAX_CHARACTERS {
            end = at + character.len_utf8();
        }
    }
    Cow::Borrowed(text)
}

/// The maximum number of characters that the `Debug` form of a string has for this character.
fn width(character: char) -> usize {
    match character {
        '\'' => 1,
        _ => character.escape_debug().count(),
    }
}

fn without_secrets(text: &str) -> String {
    let (address, parameters) = split_at_parameters(text);
    let mut shown = without_credentials(address).unwrap_or_else(|| address.to_owned());
    push_names(parameters, text.contains("://"), &mut shown);
    shown
}

/// Splits the text where the query or the fragment begins. A question mark may also be part of a password, in text that is not
/// a URL for that reason.
fn split_at_parameters(text: &str) -> (&str, &str) {
    let split_after = |start: usize| {
        let at = text[start..].find(['?', '#']).map_or(text.len(), |at| start + at);
        text.split_at(at)
    };
    let (address, parameters) = split_after(0);
    let is_address = Url::parse(address).is_ok_and(|url| url.has_host());
    match text.rfind('@') {
        Some(at) if parameters.contains('@') && !is_address && without_credentials(text).is_some() => split_after(at),
        _ => (address, parameters),
    }
}

/// The text without a user name and password (RFC 3986 §3.2.1): everything between the first colon with its slashes and the last
/// `@`. It also finds them in text that does not parse as a URL.
fn without_credentials(text: &str) -> Option<String> {
    let (before, host) = text.rsplit_once('@')?;
    let (scheme, rest) = before.split_once(':')?;
    let slashes = rest.len() - rest.trim_start_matches(['/', '\\']).len();
    Some(format!("{scheme}:{}…@{host}", &rest[..slashes]))
}

/// Appends the parameters without their values. A parameter without a name is a value. A `#` starts a fragment only in a URL.
fn push_names(parameters: &str, in_url: bool, shown: &mut String) {
    let is_delimiter = |character: char| matches!(character, '?' | '&' | ';') || (in_url && character == '#');
    for part in parameters.split_inclusive(is_delimiter) {
        let (parameter, delimiter) = match part.char_indices().next_back() {
            Some((at, character)) if is_delimiter(character) => part.split_at(at),
            _ => (part, ""),
        };
        match parameter.split_once('=') {
            Some((name, "")) => shown.extend([name, "="]),
            Some((name, _)) => shown.extend([name, "=…"]),
            None if parameter.is_empty() => {}
            None if !in_url && parameter.starts_with('#') => shown.push_str(parameter),
            None => shown.push('…'),
        }
        shown.push_str(delimiter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_shows_neither_credentials_nor_values() {
        let cases = [
            ("https://user:secret@h.example/a?b", "https://…@h.example/a?…"),
            ("https://secret@h.example", "https://…@h.example"),
            ("https://user:sec@ret@h.example", "https://…@h.example"),
            ("https://user:sec/ret@h.example", "https://…@h.example"),
            ("https://user:sec?ret@h.example/a?c=secret", "https://…@h.example/a?c=…"),
            ("https://user:sec#ret@h.example", "https://…@h.example"),
            ("https://user:sec ret@h.example", "https://…@h.example"),
            ("https:\\\\user:secret@h.example", "https:\\\\…@h.example"),
            ("https:user:secret@h.example", "https:…@h.example"),
            ("//user:secret@h.example", "//user:…@h.example"),
            ("user:secret@h.example", "user:…@h.example"),
            ("https://h.example/keys?code=secret&sig=sec%3Dret;v=&secret", "https://h.example/keys?code=…&sig=…;v=&…"),
            ("https://h.example/?mail=secret@x.example&a=secret", "https://h.example/?mail=…&a=…"),
            ("https://u:secret@h.example/?mail=secret@x.example", "https://…@h.example/?mail=…"),
            ("https://h.example/#access_token=secret&x=secret", "https://h.example/#access_token=…&x=…"),
            ("h.example/keys?code=secret", "h.example/keys?code=…"),
            ("https://h.example/?a=sec?ret", "https://h.example/?a=…?…"),
            ("https://h.example?", "https://h.example?"),
            ("worker@shop.example", "worker@shop.example"),
            ("resource_name#fr", "resource_name#fr"),
            ("https://h.example:8443/a", "https://h.example:8443/a"),
            ("", ""),
        ];
        for (text, shown) in cases {
            assert_eq!(url(text), shown);
            assert_eq!(url(shown), shown, "a second time removes nothing more");
        }
    }

    #[test]
    fn an_excerpt_has_at_most_200_displayed_characters() {
        let kept = |text: &str| Excerpt::from(text).to_string();
        assert_eq!(kept(&"é".repeat(200)), "é".repeat(200));
        assert_eq!(kept(&"é".repeat(201)), format!("{}…", "é".repeat(199)));
        assert_eq!(kept("a\n\"\u{1b}\u{202e}"), r#"a\n\"\u{1b}\u{202e}"#);
        for repeated in ["\u{1b}", "\u{10ffff}", "\n", "\"", "\\", "'", "\u{301}", "a\u{202e}"] {
            let excerpt = Excerpt::from(repeated.repeat(1000));
            assert!(excerpt.ends_with('…'), "{repeated:?}");
            assert!(excerpt.to_string().chars().count() <= MAX_CHARACTERS, "{repeated:?}");
            assert!(format!("{excerpt:?}").chars().count() <= MAX_CHARACTERS + 2, "{repeated:?}");
            assert_eq!(Excerpt::from(&*excerpt), excerpt, "a second time cuts nothing more");
        }
    }

    #[test]
    fn a_list_keeps_eight_texts_and_its_length() {
        let texts = |number: usize| (0..number).map(|at| at.to_string()).collect::<Excerpts>();
        assert_eq!(format!("{:?}", texts(0)), "[]");
        assert_eq!(format!("{:?}", texts(2)), r#"["0", "1"]"#);
        assert_eq!(format!("{:?}", texts(8)), r#"["0", "1", "2", "3", "4", "5", "6", "7"]"#);
        assert_eq!(format!("{:?}", texts(3000)), r#"["0", "1", "2", "3", "4", "5", "6", "7", and 2992 more]"#);
        assert_eq!((texts(3000).total(), texts(3000).iter().count()), (3000, 8));
    }
}
