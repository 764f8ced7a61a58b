use std::borrow::Cow;

use http::header::{FORWARDED, HeaderName};
use http::{HeaderMap, HeaderValue};

use super::origin::{Origin, Scheme};
use super::public_path::BasePath;

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// The headers in which a proxy says how the client addressed it.
///
/// Name only headers that the proxy overwrites or removes in every request. A header that it passes on may come from
/// the client, which could then use a proof for another server here. An example is an nginx that sets
/// `X-Forwarded-Host` but passes `Forwarded` on.
///
/// Each header must occur once, with one element. If any header of the set has another form, the whole set is ignored
/// and the [`PublicUrl`](super::PublicUrl) is used as configured, so a proxy that appends to the client's header does
/// not let the client's value in. If a header of the set is absent, its part of the URL is as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardedHeaders {
    /// `X-Forwarded-Host`, a host with or without a port, and `X-Forwarded-Proto`, which is `http` or `https`.
    XForwarded,
    /// The same and `X-Forwarded-Prefix`, a path that the proxy has stripped. It replaces the path of the public URL.
    XForwardedWithPrefix,
    /// The parameters `host` and `proto` of `Forwarded` (RFC 7239 §5.3, §5.4).
    Forwarded,
}

/// What the headers of a proxy say.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Forwarded {
    pub(super) origin: Origin,
    pub(super) prefix: Option<BasePath>,
}

/// A header has several lines, several elements or another form than it should have.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ignored;

impl ForwardedHeaders {
    pub(super) const ALL: [Self; 3] = [Self::XForwarded, Self::XForwardedWithPrefix, Self::Forwarded];

    /// The names of the headers.
    pub(super) fn names(self) -> &'static str {
        match self {
            Self::XForwarded => "X-Forwarded-Host and X-Forwarded-Proto",
            Self::XForwardedWithPrefix => "X-Forwarded-Host, X-Forwarded-Proto and X-Forwarded-Prefix",
            Self::Forwarded => "Forwarded",
        }
    }

    /// What the headers say, and `configured` where they say nothing.
    ///
    /// # Errors
    ///
    /// If a header of the set does not count, and so none of them does.
    pub(super) fn read(self, headers: &HeaderMap, configured: &Origin) -> Result<Forwarded, Ignored> {
        let (host, proto, prefix) = match self {
            Self::XForwarded => (only(headers, &X_FORWARDED_HOST)?, only(headers, &X_FORWARDED_PROTO)?, None),
            Self::XForwardedWithPrefix => {
                let prefix = only(headers, &X_FORWARDED_PREFIX)?;
                (only(headers, &X_FORWARDED_HOST)?, only(headers, &X_FORWARDED_PROTO)?, prefix)
            }
            Self::Forwarded => {
                let Parameters { host, proto } = match one_line(headers, &FORWARDED)? {
                    Some(line) => Parameters::parse(line).ok_or(Ignored)?,
                    None => Parameters::default(),
                };
                (host, proto, None)
            }
        };
        let scheme = match proto {
            Some(proto) => Scheme::named(&proto).map_err(|_| Ignored)?,
            None => configured.scheme(),
        };
        let origin = match host {
            Some(host) => Origin::parse(scheme, &host).map_err(|_| Ignored)?,
            None => configured.clone().with_scheme(scheme),
        };
        let prefix = prefix.map(|prefix| BasePath::parse(&prefix)).transpose().map_err(|_| Ignored)?;
        Ok(Forwarded { origin, prefix })
    }
}

/// The one element of the one line of a header, if there is a line.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<Cow<'h, str>>, Ignored> {
    match one_line(headers, name)? {
        Some(line) if line.contains(',') => Err(Ignored),
        line => Ok(line.map(Cow::Borrowed)),
    }
}

fn one_line<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Ignored> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next().map(HeaderValue::to_str).transpose().map_err(|_| Ignored)?;
    if lines.next().is_some() { Err(Ignored) } else { Ok(line) }
}

/// Of the one element of `Forwarded` (RFC 7239 §4).
#[derive(Debug, Default, PartialEq, Eq)]
struct Parameters<'l> {
    host: Option<Cow<'l, str>>,
    proto: Option<Cow<'l, str>>,
}

impl<'l> Parameters<'l> {
    /// `None` if the line is malformed, has a parameter twice or has several elements, of which one may be empty.
    fn parse(line: &'l str) -> Option<Self> {
        let mut parameters = Self::default();
        let mut names: Vec<&str> = Vec::new();
        let mut rest = line;
        loop {
            // An element may have empty parameters, as in `;;`.
            if !rest.is_empty() && !rest.starts_with(';') {
                let (name, after) = token(rest)?;
                let (value, after) = value(after.strip_prefix('=')?)?;
                if names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                    return None;
                }
                names.push(name);
                if name.eq_ignore_ascii_case("host") {
                    parameters.host = Some(value);
                } else if name.eq_ignore_ascii_case("proto") {
                    parameters.proto = Some(value);
                }
                rest = after;
            }
            match rest.strip_prefix(';') {
                Some(after) => rest = after,
                // A comma would begin another element.
                None => return rest.is_empty().then_some(parameters),
            }
        }
    }
}

fn value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    match text.strip_prefix('"') {
        Some(quoted) => unquoted(quoted),
        None => token(text).map(|(token, rest)| (Cow::Borrowed(token), rest)),
    }
}

/// RFC 9110 §5.6.2.
fn token(text: &str) -> Option<(&str, &str)> {
    let is_tchar = |character: char| character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character);
    let end = text.find(|character| !is_tchar(character)).unwrap_or(text.len());
    if end == 0 { None } else { Some(text.split_at(end)) }
}

/// RFC 9110 §5.6.4. The opening quote has been read.
fn unquoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return Some((value.into(), characters.as_str())),
            '\\' => value.push(characters.next()?),
            character => value.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: ForwardedHeaders, lines: &[(&'static str, &str)]) -> Option<(String, Option<String>)> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append(HeaderName::from_static(name), value);
        }
        let configured = Origin::parse(Scheme::Https, "configured:8443").unwrap();
        let Forwarded { origin, prefix } = set.read(&headers, &configured).ok()?;
        Some((origin.to_string(), prefix.map(|prefix| prefix.as_str().to_owned())))
    }

    fn origin(set: ForwardedHeaders, lines: &[(&'static str, &str)]) -> Option<String> {
        read(set, lines).map(|(origin, _)| origin)
    }

    #[test]
    fn x_forwarded_headers_count_as_one_line_with_one_element() {
        const HOST: &str = "x-forwarded-host";
        const PROTO: &str = "x-forwarded-proto";
        for (lines, expected) in [
            (&[][..], Some("https://configured:8443")),
            (&[(HOST, "a")][..], Some("https://a")),
            (&[(HOST, "A.Example:443")], Some("https://a.example")),
            (&[(HOST, "a:444")], Some("https://a:444")),
            (&[(HOST, "[::1]:444")], Some("https://[::1]:444")),
            (&[(HOST, "a"), (PROTO, "http")], Some("http://a")),
            (&[(HOST, "a:80"), (PROTO, "HTTP")], Some("http://a")),
            (&[(HOST, "a:443"), (PROTO, "http")], Some("http://a:443")),
            (&[(PROTO, "http")], Some("http://configured:8443")),
            // Several lines or elements, even if they are equal.
            (&[(HOST, "a"), (HOST, "a")], None),
            (&[(HOST, "a"), (HOST, "b")], None),
            (&[(HOST, "a, b")], None),
            (&[(HOST, "a,")], None),
            (&[(HOST, ",a")], None),
            (&[(HOST, "a"), (PROTO, "https"), (PROTO, "https")], None),
            (&[(HOST, "a"), (PROTO, "https,http")], None),
            // No host, no scheme.
            (&[(HOST, "")], None),
            (&[(HOST, "user@a")], None),
            (&[(HOST, "https://a")], None),
            (&[(HOST, "a/b")], None),
            (&[(HOST, "a b")], None),
            (&[(HOST, "a"), (PROTO, "")], None),
            (&[(HOST, "a"), (PROTO, "wss")], None),
            (&[(HOST, "\u{fc}")], None),
            // Not of the set.
            (&[("forwarded", "host=b")], Some("https://configured:8443")),
            (
                &[("host", "b"), ("x-forwarded-port", "444"), ("x-forwarded-server", "b")],
                Some("https://configured:8443"),
            ),
            (&[(HOST, "a"), ("forwarded", "host=b"), ("x-forwarded-prefix", "\u{fc}")], Some("https://a")),
        ] {
            assert_eq!(origin(ForwardedHeaders::XForwarded, lines).as_deref(), expected, "{lines:?}");
        }
    }

    #[test]
    fn x_forwarded_prefix_is_a_path() {
        const PREFIX: &str = "x-forwarded-prefix";
        for (lines, expected) in [
            (&[(PREFIX, "/shop")][..], Some(Some("/shop"))),
            (&[(PREFIX, "/shop/")], Some(Some("/shop/"))),
            (&[(PREFIX, "/%7eshop")], Some(Some("/~shop"))),
            (&[(PREFIX, "/")], Some(Some("/"))),
            (&[("x-forwarded-host", "a")], Some(None)),
            (&[(PREFIX, "")], None),
            (&[(PREFIX, "shop")], None),
            (&[(PREFIX, "/shop, /api")], None),
            (&[(PREFIX, "/shop"), (PREFIX, "/shop")], None),
            (&[(PREFIX, "/shop/../admin")], None),
            (&[(PREFIX, "/%2e%2e")], None),
            (&[(PREFIX, "/shop?x")], None),
            (&[(PREFIX, "/shop#x")], None),
            (&[(PREFIX, "/\\shop")], None),
        ] {
            let prefix = read(ForwardedHeaders::XForwardedWithPrefix, lines).map(|(_, prefix)| prefix);
            assert_eq!(prefix.as_ref().map(Option::as_deref), expected, "{lines:?}");
            let without = read(ForwardedHeaders::XForwarded, lines).map(|(_, prefix)| prefix);
            assert_eq!(without, Some(None), "{lines:?}");
        }
    }

    #[test]
    fn forwarded_counts_as_one_line_with_one_element() {
        for (lines, expected) in [
            (&["host=a"][..], Some("https://a")),
            (&["proto=http;host=a"], Some("http://a")),
            (&["HOST=A;Proto=HTTP"], Some("http://a")),
            (&["host=\"a:444\""], Some("https://a:444")),
            (&["host=\"[::1]:444\";proto=https"], Some("https://[::1]:444")),
            (&["host=\"\\a\""], Some("https://a")),
            (&["for=\"a;host=b,c\\\"\";host=a"], Some("https://a")),
            (&["for=192.0.2.1;by=\"[2001:db8::1]:80\";host=a"], Some("https://a")),
            // Obfuscated and unknown identifiers, and extensions.
            (&["for=_hidden;by=_secret;host=a"], Some("https://a")),
            (&["for=unknown;host=a"], Some("https://a")),
            (&["for=\"_hidden:_port\";x-y=z;host=a"], Some("https://a")),
            (&[";;host=a;"], Some("https://a")),
            (&["for=192.0.2.1"], Some("https://configured:8443")),
            (&["proto=http"], Some("http://configured:8443")),
            (&[], Some("https://configured:8443")),
            (&[""], Some("https://configured:8443")),
            // Several lines, elements or values.
            (&["host=a", "host=a"], None),
            (&["host=a", ""], None),
            (&["host=a,host=b"], None),
            (&["host=a, for=_x"], None),
            (&["for=_x, host=a"], None),
            (&["host=a,"], None),
            (&[",host=a"], None),
            (&["host=a;host=a"], None),
            (&["host=a;Host=b"], None),
            (&["for=_x;FOR=_y;host=a"], None),
            // Malformed.
            (&["host"], None),
            (&["host="], None),
            (&["=a"], None),
            (&["host=a:444"], None),
            (&["for=[::1];host=a"], None),
            (&["host=\"a"], None),
            (&["host=\"a\\"], None),
            (&["host=\"a\"b"], None),
            (&["host=a b"], None),
            (&["host =a"], None),
            (&["host= a"], None),
            (&["host=a; proto=http"], None),
            (&[" host=a"], None),
            (&["host='a'"], None),
            // No host, no scheme.
            (&["host=\"\""], None),
            (&["host=\"user@a\""], None),
            (&["host=\"a\\\\\""], None),
            (&["host=\"a, b\""], None),
            (&["host=a;proto=wss"], None),
            (&["host=\u{fc}"], None),
        ] {
            let lines: Vec<_> = lines.iter().map(|line| ("forwarded", *line)).collect();
            let with_others = [&lines[..], &[("x-forwarded-host", "b"), ("x-forwarded-proto", "http")]].concat();
            for lines in [lines, with_others] {
                assert_eq!(origin(ForwardedHeaders::Forwarded, &lines).as_deref(), expected, "{lines:?}");
            }
        }
    }
}
