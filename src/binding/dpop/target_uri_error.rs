use std::net::IpAddr;

use http::HeaderName;

use crate::redact::Excerpt;

/// Why a URL, or what a request says about its target, does not identify the target of a request.
///
/// A text that a lenient parser would correct is refused, because two parsers may correct it in different ways.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetUriError {
    /// The URL is longer than 2,048 bytes.
    #[error("the URI has {length} bytes, expected at most {max}")]
    #[non_exhaustive]
    TooLong {
        /// The number of bytes.
        length: usize,
        /// The maximum number of bytes.
        max: usize,
    },
    /// A character that must be percent-encoded here (RFC 3986 §2), such as a space, a control character, a backslash
    /// or a non-ASCII character.
    #[error("the URI contains the character {found:?}, expected its percent-encoding")]
    #[non_exhaustive]
    Character {
        /// The first such character.
        found: char,
    },
    /// The URL is not absolute: it has no scheme, or no `//` after the scheme (RFC 3986 §4.3).
    #[error("the URI is not absolute, expected http:// or https:// and a host")]
    NotAbsolute,
    /// A scheme other than `http` and `https`.
    #[error("the scheme is \"{found}\", expected http or https")]
    #[non_exhaustive]
    Scheme {
        /// The scheme.
        found: Excerpt,
    },
    /// A user name or a password, which no `http` URI may have (RFC 9110 §4.2.4). The error does not contain them.
    #[error("the URI has a user name or a password, expected none")]
    UserInfo,
    /// There is no host, or it is neither a name with labels of ASCII letters, digits, `-` and `_`, nor an address in
    /// its usual form. Write an internationalized name in its ASCII form (`xn--…`).
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
    /// (RFC 3986 §5.2.4), so each could take the path for another resource.
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
    /// The path of the request is not below the path where the service is mounted
    /// ([`PublicUrl::mounted_at`](super::PublicUrl::mounted_at)).
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
    /// The request did not come from one of the proxies set with
    /// [`PublicUrl::forward_auth`](super::PublicUrl::forward_auth), or the address of its peer is unknown.
    #[error("the peer's address is {}, expected the address of a named proxy", Peer(*.found))]
    #[non_exhaustive]
    UnnamedPeer {
        /// The address, if it is known.
        found: Option<IpAddr>,
    },
    /// The header that holds the target or the method does not occur exactly once.
    #[error("the request has {found} lines of the header {header}, expected 1")]
    #[non_exhaustive]
    HeaderLines {
        /// The name of the header.
        header: HeaderName,
        /// The number of lines.
        found: usize,
    },
    /// The value of the header for the method is not a method (RFC 9110 §9.1).
    #[error("the header {header} is \"{found}\", expected a method")]
    #[non_exhaustive]
    Method {
        /// The name of the header.
        header: HeaderName,
        /// The value.
        found: Excerpt,
    },
    /// The header for the target names a scheme, host or port other than that of the public URL.
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
