//! The path of a URI in the one form in which paths are compared (RFC 3986 §6.2.2).

use std::borrow::Cow;

use super::target_uri_error::TargetUriError;

/// The maximum number of bytes of a URI, and of a path by itself.
pub(super) const MAX_LENGTH: usize = 2048;

/// Writes hexadecimal digits of percent-encodings in upper case, and unreserved characters without percent-encoding.
/// Nothing else changes: an encoded slash stays another character than a slash, and an encoded percent sign is not
/// decoded again.
///
/// # Errors
///
/// If the path is too long, has a character that no path has, a `%` without digits, or a dot segment.
pub(super) fn normalise(path: &str) -> Result<Cow<'_, str>, TargetUriError> {
    check_length(path)?;
    if let Some(found) = path.chars().find(|character| *character != '%' && !may_be_in_path(*character)) {
        return Err(TargetUriError::Character { found });
    }
    let normal = if path.contains('%') { decoded(path)?.into() } else { Cow::Borrowed(path) };
    // After decoding, because `%2e%2e` is a dot segment too.
    match normal.split('/').find(|segment| matches!(*segment, "." | "..")) {
        Some(found) => Err(TargetUriError::DotSegment { found: found.into() }),
        None => Ok(normal),
    }
}

pub(super) fn check_length(text: &str) -> Result<(), TargetUriError> {
    match text.len() {
        length if length > MAX_LENGTH => Err(TargetUriError::TooLong { length, max: MAX_LENGTH }),
        _ => Ok(()),
    }
}

/// Characters that need no percent-encoding in a path.
///
/// They are those of RFC 3986 §3.3 and the four others that a browser leaves as they are (URL Standard, path
/// percent-encode set). A backslash is not among them, because for some parsers it is a slash.
fn may_be_in_path(character: char) -> bool {
    let is_sub_delim = |character| "!$&'()*+,;=".contains(character);
    is_unreserved(character) || "/:@".contains(character) || is_sub_delim(character) || "[]|^".contains(character)
}

/// RFC 3986 §2.3.
fn is_unreserved(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-._~".contains(character)
}

fn decoded(path: &str) -> Result<String, TargetUriError> {
    let mut normal = String::with_capacity(path.len());
    let mut parts = path.split('%');
    normal.extend(parts.next());
    for part in parts {
        let malformed = || {
            let found: String = ['%'].into_iter().chain(part.chars().take(2)).collect();
            TargetUriError::PercentEncoding { found: found.into() }
        };
        let (digits, rest) = part.split_at_checked(2).ok_or_else(malformed)?;
        let is_hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        // `from_str_radix` also takes a sign.
        let byte = u8::from_str_radix(digits, 16).ok().filter(|_| is_hexadecimal).ok_or_else(malformed)?;
        match char::from(byte) {
            character if is_unreserved(character) => normal.push(character),
            _ => {
                normal.push('%');
                normal.extend(digits.chars().map(|digit| digit.to_ascii_uppercase()));
            }
        }
        normal.push_str(rest);
    }
    Ok(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_form() {
        for (path, normal) in [
            ("", ""),
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b/"),
            ("//a//b", "//a//b"),
            ("/A/b", "/A/b"),
            ("/%7euser", "/~user"),
            ("/%41%5a%61%7A%30%39%2d%2E%5f", "/AZaz09-._"),
            ("/a%2fb", "/a%2Fb"),
            ("/%c3%bc", "/%C3%BC"),
            ("/%00%0a%20%5c", "/%00%0A%20%5C"),
            ("/%25", "/%25"),
            ("/%252e%252e/", "/%252e%252e/"),
            ("/%2541", "/%2541"),
            ("/!$&'()*+,;=:@", "/!$&'()*+,;=:@"),
            ("/%21%24%26%27%28", "/%21%24%26%27%28"),
            ("/items[0]|^", "/items[0]|^"),
            ("/...", "/..."),
            ("/.a/b.", "/.a/b."),
            ("/..;", "/..;"),
        ] {
            assert_eq!(normalise(path).as_deref(), Ok(normal), "{path}");
            assert_eq!(normalise(normal).as_deref(), Ok(normal), "a second time changes nothing: {path}");
        }
    }

    #[test]
    fn dot_segments_are_refused_plain_and_encoded() {
        for (path, segment) in [
            ("/.", "."),
            ("/./", "."),
            ("/a/.", "."),
            ("/a/./b", "."),
            ("/..", ".."),
            ("/../", ".."),
            ("/a/../b", ".."),
            ("/%2e", "."),
            ("/%2E/a", "."),
            ("/%2e%2e/a", ".."),
            ("/.%2e", ".."),
            ("/a/%2E.", ".."),
        ] {
            assert_eq!(normalise(path), Err(TargetUriError::DotSegment { found: segment.into() }), "{path}");
        }
    }

    #[test]
    fn a_percent_sign_needs_two_digits() {
        for (path, found) in [
            ("/%", "%"),
            ("/%4", "%4"),
            ("/%4g", "%4g"),
            ("/%%41", "%"),
            ("/%+1", "%+1"),
            ("/a%-1/b", "%-1"),
            ("/% 1", "% 1"),
        ] {
            let expected = match path {
                "/% 1" => TargetUriError::Character { found: ' ' },
                _ => TargetUriError::PercentEncoding { found: found.into() },
            };
            assert_eq!(normalise(path), Err(expected), "{path}");
        }
    }

    #[test]
    fn characters_that_parsers_change_are_refused() {
        for found in
            ['\\', ' ', '\t', '\n', '\r', '\0', '\u{7f}', '"', '<', '>', '`', '{', '}', '?', '#', 'ü', '\u{ff0e}']
        {
            let path = format!("/a{found}b");
            assert_eq!(normalise(&path), Err(TargetUriError::Character { found }), "{path:?}");
        }
    }

    #[test]
    fn a_path_has_at_most_2048_bytes() {
        assert!(normalise(&format!("/{}", "a".repeat(2047))).is_ok());
        let long = normalise(&format!("/{}", "a".repeat(2048))).map(Cow::into_owned);
        assert_eq!(long, Err(TargetUriError::TooLong { length: 2049, max: 2048 }));
    }
}
