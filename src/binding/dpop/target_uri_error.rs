use std::net::IpAddr;

use http::HeaderName;

use crate::redact::Excerpt;

/// Why a text, or what a request says of its target, does not identify the target of a request.
///
/// A text that a lenient parser would correct is refused, because two parsers may correct it in different ways.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetUriError {
    /// Longer than 2,048 bytes.
    #[error("the URI has {length} bytes, expected at most {max}")]
    #[non_exhaustive]
    TooLong {
        /// The number of bytes.
        length: usize,
        /// The maximum number of bytes.
        max: usize,
    },
    /// A character that has to be percent-encoded in this place (RFC 3986 §2), such as a space, a control character, a
    /// backslash or a character outside of ASCII.
    #[error("the URI contains the character {found:?}, expected its percent-encoding")]
    #[non_exhaustive]
    Character {
        /// The first such character.
        found: char,
    },
    /// Not an absolute URI: it has no scheme, or no `//` after it (RFC 3986 §4.3).
    #[error("the URI is not absolute, expected http:// or https:// and a host")]
    NotAbsolute,
    /// A scheme other than `http` and `https`.
    #[error("the scheme is \"{found}\", expected http or https")]
    #[non_exhaustive]
    Scheme {
        /// The scheme.
        found: Excerpt,
    },
    /// A user name or a password, which no `http` URI has (RFC 9110 §4.2.4). The error does not hold them.
    #[error("the URI has a user name or a password, expected none")]
    UserInfo,
    /// No host, or one that is neither a name of ASCII letters, digits, `-` and `_` in labels, nor an address in its
    /// usual form. An internationalized name has to be written in its ASCII form (`xn--…`).
    #[error("the host is \"{found}\", expected a name in ASCII, an IPv4 address, or an IPv6 address in brackets")]
    #[non_exhaustive]
    Host {
        /// The host.
        found: Excerpt,
    },
    /// A port that is not a number from 1 to 65535, or has leading zeros.
    #[error("the port is \"{found}\", expected a number from 1 to 65535 without leading zeros")]
    #[non_exhaustive]
    Port {
        /// The port.
        found: Excerpt,
    },
    /// A `%` that is not followed by two hexadecimal digits (RFC 3986 §2.1).
    #[error("the path contains \"{found}\", expected % and two hexadecimal digits")]
    #[non_exhaustive]
    PercentEncoding {
        /// The `%` and what follows.
        found: Excerpt,
    },
    /// A segment `.` or `..`, plain or percent-encoded. Proxies and servers differ in whether and when they resolve it
    /// (RFC 3986 §5.2.4), so it could be another resource for each of them.
    #[error("the path contains the segment \"{found}\", expected a path without dot segments")]
    #[non_exhaustive]
    DotSegment {
        /// The segment, with its percent-encoding decoded.
        found: Excerpt,
    },
    /// The target of the request is not a path: it is `*` (RFC 9112 §3.2.4), or only a host and a port (`CONNECT`,
    /// §3.2.3).
    #[error("the target of the request is \"{found}\", expected a path that begins with /")]
    #[non_exhaustive]
    NoPath {
        /// The target.
        found: Excerpt,
    },
    /// The path of the request is not below the path where [`PublicUrl::mounted_at`](super::PublicUrl::mounted_at) says
    /// that the service is.
    #[error(
        "the path of the request is \"{found}\", expected a path below \"{expected}\", where the service is mounted"
    )]
    #[non_exhaustive]
    OutsideOfMount {
        /// The path of the request.
        found: Excerpt,
        /// The path where the service is mounted.
        expected: Box<str>,
    },
    /// The request did not come from a proxy of [`PublicUrl::forward_auth`](super::PublicUrl::forward_auth), or the
    /// address of its peer is unknown.
    #[error("the peer's address is {}, expected that of a named proxy", Peer(*.found))]
    #[non_exhaustive]
    UnnamedPeer {
        /// The address, if it is known.
        found: Option<IpAddr>,
    },
    /// Not exactly one line of a header that holds the target or the method.
    #[error("the request has {found} lines of the header {header}, expected 1")]
    #[non_exhaustive]
    HeaderLines {
        /// The name of the header.
        header: HeaderName,
        /// The number of lines.
        found: usize,
    },
    /// The header that holds the method does not hold one (RFC 9110 §9.1).
    #[error("the header {header} is \"{found}\", expected a method")]
    #[non_exhaustive]
    Method {
        /// The name of the header.
        header: HeaderName,
        /// The value.
        found: Excerpt,
    },
    /// The header that holds the target names another scheme, host or port than the public URL.
    #[error("the header {header} names the origin \"{found}\", expected \"{expected}\"")]
    #[non_exhaustive]
    OtherOrigin {
        /// The name of the header.
        header: HeaderName,
        /// The origin that it names.
        found: Excerpt,
        /// The origin of the public URL.
        expected: Box<str>,
    },
}

struct Peer(Option<IpAddr>);

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}
