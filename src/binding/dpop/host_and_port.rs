//! A host and a port, as in a URI (RFC 3986 §3.2.2, §3.2.3), a `Host` header or a proxy's headers.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::target_uri_error::TargetUriError;

/// The maximum number of bytes of a name and of a label of it (RFC 1035 §2.3.4).
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// Splits the text at the port. The host is in lower case, and an IPv6 address in its canonical form (RFC 5952).
///
/// # Errors
///
/// If the host is neither a name nor an address, or the port not a number. There is no user name here.
pub(super) fn parse(text: &str) -> Result<(String, Option<u16>), TargetUriError> {
    let end = match text.strip_prefix('[') {
        Some(address) => address.find(']').map_or(text.len(), |at| at + 2),
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, port) = text.split_at(end);
    let host = normalised(host).ok_or_else(|| TargetUriError::Host { found: host.into() })?;
    Ok((host, parse_port(port)?))
}

fn normalised(host: &str) -> Option<String> {
    if let Some(address) = host.strip_prefix('[') {
        let address: Ipv6Addr = address.strip_suffix(']')?.parse().ok()?;
        return Some(format!("[{address}]"));
    }
    // The dot at the end of a name, which stands for the root, is significant.
    let name = host.strip_suffix('.').unwrap_or(host);
    if name.len() > MAX_NAME || !name.split('.').all(is_label) {
        return None;
    }
    let last = name.rsplit('.').next()?;
    if is_number(last) {
        // For some parsers `127.1`, `0177.0.0.1` and `2130706433` are addresses.
        return host.parse::<Ipv4Addr>().ok().map(|address| address.to_string());
    }
    Some(host.to_ascii_lowercase())
}

/// An underscore is in no host's name (RFC 952), but in names that people give to containers.
fn is_label(label: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !label.is_empty() && label.len() <= MAX_LABEL && label.bytes().all(is_allowed)
}

/// A name that ends in a number is an IPv4 address for browsers (URL Standard, "ends in a number").
fn is_number(label: &str) -> bool {
    let hexadecimal = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => digits.bytes().all(|digit| digit.is_ascii_hexdigit()),
        None => label.bytes().all(|digit| digit.is_ascii_digit()),
    }
}

/// An empty port after a colon is none (RFC 3986 §6.2.3).
fn parse_port(text: &str) -> Result<Option<u16>, TargetUriError> {
    let digits = match text.strip_prefix(':') {
        None if text.is_empty() => return Ok(None),
        Some("") => return Ok(None),
        Some(digits) => digits,
        // After an address in brackets.
        None => return Err(TargetUriError::Port { found: text.into() }),
    };
    let is_plain = digits.bytes().all(|digit| digit.is_ascii_digit()) && !digits.starts_with('0');
    let port = digits.parse().ok().filter(|_| is_plain);
    port.map(Some).ok_or_else(|| TargetUriError::Port { found: digits.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_one_form() {
        for (text, host, port) in [
            ("api.example.com", "api.example.com", None),
            ("API.Example.COM", "api.example.com", None),
            ("api.example.com.", "api.example.com.", None),
            ("localhost:3000", "localhost", Some(3000)),
            ("localhost:", "localhost", None),
            ("a:1", "a", Some(1)),
            ("a:65535", "a", Some(65535)),
            ("XN--BCHER-KVA.example", "xn--bcher-kva.example", None),
            ("auth_server:8080", "auth_server", Some(8080)),
            ("127.0.0.1:80", "127.0.0.1", Some(80)),
            ("1.example", "1.example", None),
            ("0x7f.example", "0x7f.example", None),
            ("[::1]", "[::1]", None),
            ("[::1]:8443", "[::1]", Some(8443)),
            ("[::1]:", "[::1]", None),
            ("[0:0:0:0:0:0:0:1]", "[::1]", None),
            ("[2001:DB8::0:A]", "[2001:db8::a]", None),
            ("[2001:0db8:0:0:1:0:0:1]", "[2001:db8::1:0:0:1]", None),
            ("[::ffff:7f00:1]", "[::ffff:127.0.0.1]", None),
            ("[::FFFF:127.0.0.1]", "[::ffff:127.0.0.1]", None),
        ] {
            assert_eq!(parse(text), Ok((host.to_owned(), port)), "{text}");
        }
        let longest = [["a".repeat(63), "b".repeat(63), "c".repeat(63)].join("."), "d".repeat(61)].join(".");
        assert_eq!(parse(&longest), Ok((longest.clone(), None)));
    }

    #[test]
    fn a_host_that_parsers_correct_is_refused() {
        let long_name = ["a"; 128].join(".");
        let long_label = "a".repeat(64);
        for host in [
            "",
            ".",
            "..",
            ".a",
            "a..b",
            "a..",
            "127.1",
            "0177.0.0.1",
            "127.0.0.01",
            "2130706433",
            "0x7f000001",
            "0X7F.1",
            "256.0.0.1",
            "1.2.3.4.",
            "1.2.3.4.5",
            "a.0x",
            "a.1",
            "a b",
            "a%2eb",
            "%61",
            "b\u{fc}cher.example",
            "a\u{3002}b",
            "a\u{ad}b",
            "a\\b",
            "a/b",
            "a?b",
            "a#b",
            "a,b",
            "a;b",
            "a@b",
            "a*b",
            "~",
            "[::1",
            "[]",
            "[::1%25eth0]",
            "[::1%eth0]",
            "[v1.x]",
            "[1.2.3.4]",
            "[::01.2.3.4]",
            "[00000::1]",
            "[::1 ]",
            &*long_name,
            &*long_label,
        ] {
            assert_eq!(parse(host), Err(TargetUriError::Host { found: host.into() }), "{host:?}");
        }
        assert_eq!(parse("::1"), Err(TargetUriError::Host { found: "".into() }));
    }

    #[test]
    fn a_port_that_parsers_correct_is_refused() {
        for port in ["0", "080", "00", "65536", "99999999999", "+80", "-1", "8o", " 80", "80 ", "80:80", "\u{661}"] {
            let expected = Err(TargetUriError::Port { found: port.into() });
            assert_eq!(parse(&format!("a:{port}")), expected, "{port:?}");
            assert_eq!(parse(&format!("[::1]:{port}")), expected, "{port:?}");
        }
        assert_eq!(parse("[::1]80"), Err(TargetUriError::Port { found: "80".into() }));
    }
}
