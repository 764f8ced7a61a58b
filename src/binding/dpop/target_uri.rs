use std::borrow::Cow;

use super::origin::{Origin, Scheme};
use super::target_uri_error::TargetUriError;
use super::uri_path::{check_length, normalise};

/// The target URI of a request without its query, in the form in which a proof and a request are compared (RFC 9449
/// §4.3(9)).
///
/// Scheme and host are in lower case. The default port is dropped, and an empty path is `/` (RFC 3986 §6.2.3).
/// Unreserved characters of the path are decoded, and other percent-encodings are in upper case (§6.2.2). Nothing else
/// is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TargetUri(Box<str>);

impl TargetUri {
    /// The target URI in the claim `htu` of a proof. Its query and fragment do not count (RFC 9449 §4.3(9)).
    pub(crate) fn parse_htu(text: &str) -> Result<Self, TargetUriError> {
        let Parts { origin, path, .. } = Parts::parse(text)?;
        Ok(Self::new(&origin, &path))
    }

    /// `path` is in the form of [`normalise`], and begins with a slash.
    pub(super) fn new(origin: &Origin, path: &str) -> Self {
        let mut text = String::with_capacity(128);
        origin.push_to(&mut text);
        text.push_str(path);
        Self(text.into())
    }

    /// The URI in its normal form.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The parts of an absolute URI: origin and path in their normal form.
pub(super) struct Parts<'t> {
    pub(super) origin: Origin,
    /// Never empty.
    pub(super) path: Cow<'t, str>,
    /// Whether a query or a fragment follows.
    pub(super) has_more: bool,
}

impl<'t> Parts<'t> {
    /// Splits the text as RFC 3986 §3 does. What a lenient parser would correct is an error.
    pub(super) fn parse(text: &'t str) -> Result<Self, TargetUriError> {
        check_length(text)?;
        // Also in the query: some parsers remove tabs and line breaks before they look for anything else.
        if let Some(found) = text.chars().find(|character| !character.is_ascii_graphic()) {
            return Err(TargetUriError::Character { found });
        }
        let (scheme, rest) = text.split_once(':').ok_or(TargetUriError::NotAbsolute)?;
        if scheme.contains(['/', '?', '#']) {
            return Err(TargetUriError::NotAbsolute);
        }
        let scheme = Scheme::named(scheme)?;
        let rest = rest.strip_prefix("//").ok_or(TargetUriError::NotAbsolute)?;
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(TargetUriError::UserInfo);
        }
        let origin = Origin::parse(scheme, authority)?;
        let (path, more) = split_path(rest);
        let path = if path.is_empty() { Cow::Borrowed("/") } else { normalise(path)? };
        Ok(Self { origin, path, has_more: !more.is_empty() })
    }
}

/// Splits the text where the query or the fragment begins.
pub(super) fn split_path(text: &str) -> (&str, &str) {
    text.split_at(text.find(['?', '#']).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, TargetUriError> {
        TargetUri::parse_htu(text).map(|uri| uri.as_str().to_owned())
    }

    /// Row L7.
    #[test]
    fn htu_is_compared_in_its_normal_form() {
        for (htu, normal) in [
            ("https://api.example.com/me", "https://api.example.com/me"),
            // Scheme, host and port.
            ("HTTPS://API.example.COM/Me", "https://api.example.com/Me"),
            ("https://api.example.com:443/me", "https://api.example.com/me"),
            ("https://api.example.com:/me", "https://api.example.com/me"),
            ("https://api.example.com:80/me", "https://api.example.com:80/me"),
            ("http://api.example.com:80/me", "http://api.example.com/me"),
            ("http://api.example.com:443/me", "http://api.example.com:443/me"),
            ("https://[2001:DB8:0::1]:443/", "https://[2001:db8::1]/"),
            ("http://127.0.0.1:3000/", "http://127.0.0.1:3000/"),
            ("https://api.example.com./", "https://api.example.com./"),
            ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
            // The path.
            ("https://a", "https://a/"),
            ("https://a/", "https://a/"),
            ("https://a/me/", "https://a/me/"),
            ("https://a//me", "https://a//me"),
            ("https://a/%7Eme/%6De", "https://a/~me/me"),
            ("https://a/b%2fc", "https://a/b%2Fc"),
            ("https://a/:80/@", "https://a/:80/@"),
            // Query and fragment.
            ("https://a?x=1", "https://a/"),
            ("https://a#x", "https://a/"),
            ("https://a/me?x=/../%", "https://a/me"),
            ("https://a/me?", "https://a/me"),
            ("https://a/me#", "https://a/me"),
            ("https://a/me#x?y", "https://a/me"),
            ("https://a/me?x=user@host:80", "https://a/me"),
            ("https://a/me?\\", "https://a/me"),
        ] {
            assert_eq!(parsed(htu).as_deref(), Ok(normal), "{htu}");
            assert_eq!(parsed(normal).as_deref(), Ok(normal), "a second time changes nothing: {htu}");
        }
    }

    /// Row L7.
    #[test]
    fn different_targets_stay_different() {
        let all = [
            "https://a/b",
            "http://a/b",
            "https://a/b/",
            "https://a/B",
            "https://a:8443/b",
            "https://a./b",
            "https://a//b",
            "https://a/b%2F",
            "https://a/b%252F",
            "https://a/b;x",
            "https://a/b%3Bx",
            "https://a/b%3Fx",
            "https://a/b%23",
            "https://a/b%00",
            "https://a/b%20",
            "https://a/b+",
            "https://b/b",
            "https://a/",
            "https://a.b/b",
            "https://[::1]/b",
        ];
        for (at, one) in all.iter().enumerate() {
            for other in &all[..at] {
                assert_ne!(TargetUri::parse_htu(one).unwrap(), TargetUri::parse_htu(other).unwrap());
            }
        }
    }

    #[test]
    fn an_htu_that_is_no_absolute_http_uri_is_refused() {
        use TargetUriError::{Character, NotAbsolute, UserInfo};
        let scheme = |found: &str| TargetUriError::Scheme { found: found.into() };
        let host = |found: &str| TargetUriError::Host { found: found.into() };
        let port = |found: &str| TargetUriError::Port { found: found.into() };
        for (htu, error) in [
            ("", NotAbsolute),
            ("/me", NotAbsolute),
            ("//api.example.com/me", NotAbsolute),
            ("api.example.com/me", NotAbsolute),
            ("api.example.com:443/me", scheme("api.example.com")),
            ("/me:x", NotAbsolute),
            ("?x:", NotAbsolute),
            ("#x:", NotAbsolute),
            ("https:", NotAbsolute),
            ("https:/", NotAbsolute),
            ("https:api.example.com", NotAbsolute),
            ("https:/api.example.com", NotAbsolute),
            ("https:\\\\api.example.com", NotAbsolute),
            ("https:/\\api.example.com", NotAbsolute),
            ("://a", scheme("")),
            ("ftp://a", scheme("ftp")),
            ("wss://a", scheme("wss")),
            ("urn:x", scheme("urn")),
            ("javascript:x", scheme("javascript")),
            ("https://", host("")),
            ("https:///", host("")),
            ("https:///a", host("")),
            ("https://:443/", host("")),
            ("https://?x", host("")),
            ("https://user@a/", UserInfo),
            ("https://user:password@a/", UserInfo),
            ("https://@a/", UserInfo),
            ("https://evil\\@a/", UserInfo),
            ("https://a\\/b", host("a\\")),
            ("https://a\\b", host("a\\b")),
            ("https://%61/", host("%61")),
            ("https://127.1/", host("127.1")),
            ("https://a:0443/", port("0443")),
            ("https://a:x/", port("x")),
            (" https://a/", Character { found: ' ' }),
            ("https://a/ ", Character { found: ' ' }),
            ("ht\ttps://a/", Character { found: '\t' }),
            ("https://a/\n", Character { found: '\n' }),
            ("https://a/?\u{0}", Character { found: '\0' }),
            ("https://a/?\u{7f}", Character { found: '\u{7f}' }),
            ("https://b\u{fc}cher.example/", Character { found: '\u{fc}' }),
            ("https://a/\u{fc}", Character { found: '\u{fc}' }),
            ("https://a/#\u{fc}", Character { found: '\u{fc}' }),
            ("https://a/b\\c", Character { found: '\\' }),
            ("https://a/{b}", Character { found: '{' }),
            ("https://a/%zz", TargetUriError::PercentEncoding { found: "%zz".into() }),
            ("https://a/b/../c", TargetUriError::DotSegment { found: "..".into() }),
            ("https://a/b/%2e%2E/c", TargetUriError::DotSegment { found: "..".into() }),
            ("https://a/.?x", TargetUriError::DotSegment { found: ".".into() }),
        ] {
            assert_eq!(parsed(htu), Err(error), "{htu:?}");
        }
    }

    #[test]
    fn an_htu_has_at_most_2048_bytes() {
        let with_query = |length: usize| format!("https://a/?{}", "x".repeat(length - "https://a/?".len()));
        assert!(parsed(&with_query(2048)).is_ok());
        assert_eq!(parsed(&with_query(2049)), Err(TargetUriError::TooLong { length: 2049, max: 2048 }));
    }

    #[test]
    fn an_error_shows_no_password() {
        let error = parsed("https://user:secret@a/").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}
