//! The headers in which a client repeats the operation of its request (MCP 2026-07-28, "Request Metadata").

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};

use super::headers::{METHOD, NAME, PROTOCOL_VERSION};
use super::message::{Operation, TOOLS_CALL};

/// The revisions whose servers have to compare the headers with the body. A revision is added here when it is published: that a
/// server takes an unknown text for a newer revision is no reason to trust its headers.
const VERIFYING_REVISIONS: [&str; 1] = ["2026-07-28"];

/// The operation that the headers of a request name; `None` unless they are complete, well-formed, and of a revision whose servers compare
/// them.
pub(super) fn operation(headers: &HeaderMap) -> Option<Operation<'_>> {
    if !VERIFYING_REVISIONS.contains(&only(headers, &PROTOCOL_VERSION)?) {
        return None;
    }
    let method = only(headers, &METHOD)?;
    if method == TOOLS_CALL {
        Some(Operation::Tool(decoded(only(headers, &NAME)?)?))
    } else {
        Some(Operation::Method(method.into()))
    }
}

/// The value of the only header of this name, which is neither empty nor has other characters than printable ASCII.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut lines = headers.get_all(name).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let text = line.to_str().ok()?;
    (!text.is_empty() && text == text.trim_ascii()).then_some(text)
}

/// The name that a header states: as it is, or as base64 between `=?base64?` and `?=` ("Value Encoding"). What resembles that form and
/// has not got it is no name, because another reader may decode it.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    const START: &str = "=?base64?";
    if !text.get(..START.len()).is_some_and(|start| start.eq_ignore_ascii_case(START)) {
        return Some(text.into());
    }
    let encoded = text.strip_prefix(START)?.strip_suffix("?=")?;
    let name = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    Some(name.into())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn found(lines: &[(&'static str, &[u8])]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        operation(&headers).map(|operation| format!("{operation:?}"))
    }

    #[test]
    fn headers_count_only_if_their_revision_is_known_to_be_verified() {
        let with = |versions: &[&'static str]| {
            let mut lines: Vec<(_, &[u8])> =
                versions.iter().map(|it| ("mcp-protocol-version", it.as_bytes())).collect();
            lines.push(("mcp-method", b"tools/list"));
            found(&lines)
        };
        assert_eq!(with(&["2026-07-28"]).as_deref(), Some(r#"Method("tools/list")"#));
        for versions in [
            &[][..],
            &[""],
            &["2025-11-25"],
            &["2025-06-18"],
            &["2026-07-29"],
            &["2027-01-01"],
            &["9999-12-31"],
            &["zzz"],
            &["2026-07-28 "],
            &["2026-07-28, 2025-11-25"],
            &["2026-07-28", "2026-07-28"],
            &["2026-07-28", "2025-11-25"],
            &["2025-11-25", "2026-07-28"],
        ] {
            assert_eq!(with(versions), None, "{versions:?}");
        }
    }

    #[test]
    fn headers_that_are_absent_repeated_or_malformed_name_no_operation() {
        let with = |lines: &[(&'static str, &[u8])]| {
            let version: (_, &[u8]) = ("mcp-protocol-version", b"2026-07-28");
            found(&[&[version], lines].concat())
        };
        let call: (_, &[u8]) = ("mcp-method", b"tools/call");
        let named = |name: &'static [u8]| with(&[call, ("mcp-name", name)]);
        assert_eq!(named(b"read").as_deref(), Some(r#"Tool("read")"#));
        assert_eq!(named(b"Read").as_deref(), Some(r#"Tool("Read")"#));
        assert_eq!(named(b"=?base64?cmVhZA==?=").as_deref(), Some(r#"Tool("read")"#));
        assert_eq!(named("=?base64?5LiW55WM?=".as_bytes()).as_deref(), Some("Tool(\"\u{4e16}\u{754c}\")"));
        assert_eq!(named(b"=?utf-8?q?x?=").as_deref(), Some(r#"Tool("=?utf-8?q?x?=")"#));
        for bad in [
            &b"=?base64?cmVhZA?="[..],
            b"=?base64?cmVhZB==?=",
            b"=?base64?cmVh ZA==?=",
            b"=?base64?/w==?=",
            b"=?BASE64?cmVhZA==?=",
            b"=?base64?cmVhZA==",
            b"=?base64?=",
            b"re\xe9ad",
            b"",
            b" ",
        ] {
            assert_eq!(named(bad), None, "{}", bad.escape_ascii());
        }
        assert_eq!(with(&[]), None);
        assert_eq!(with(&[call]), None);
        assert_eq!(with(&[("mcp-name", b"read")]), None);
        assert_eq!(with(&[call, ("mcp-name", b"read"), ("mcp-name", b"read")]), None);
        assert_eq!(with(&[call, call, ("mcp-name", b"read")]), None);
        assert_eq!(with(&[("mcp-method", b"tools/list"), call, ("mcp-name", b"read")]), None);
        assert_eq!(with(&[("mcp-method", b"")]), None);
        assert_eq!(with(&[("mcp-method", b"\xff")]), None);
        // Another method than tools/call, to every reader.
        assert_eq!(with(&[("mcp-method", b"Tools/Call")]).as_deref(), Some(r#"Method("Tools/Call")"#));
        assert_eq!(
            with(&[("mcp-method", b"tools/call,tools/list")]).as_deref(),
            Some(r#"Method("tools/call,tools/list")"#)
        );
    }
}
