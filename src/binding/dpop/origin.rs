use std::fmt;

use super::host_and_port;
use super::target_uri_error::TargetUriError;

/// A scheme, a host and a port, each in its normal form (RFC 3986 §6.2.2.1, §6.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    scheme: Scheme,
    host: String,
    /// `None` for the default port of the scheme.
    port: Option<u16>,
}

impl Origin {
    pub(super) fn parse(scheme: Scheme, host_and_port: &str) -> Result<Self, TargetUriError> {
        let (host, port) = host_and_port::parse(host_and_port)?;
        Ok(Self { scheme, host, port }.with_scheme(scheme))
    }

    /// The same host with another scheme. A default port becomes that of the scheme.
    pub(super) fn with_scheme(self, scheme: Scheme) -> Self {
        Self { scheme, port: self.port.filter(|port| *port != scheme.default_port()), ..self }
    }

    pub(super) fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Appends it. This runs for every request, and formatting is slow.
    pub(super) fn push_to(&self, text: &mut String) {
        text.push_str(self.scheme.name());
        text.push_str("://");
        text.push_str(&self.host);
        if let Some(port) = self.port {
            text.push(':');
            text.push_str(&port.to_string());
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.push_to(&mut text);
        f.write_str(&text)
    }
}

/// The schemes of a request's target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    /// The scheme of this name, ignoring case (RFC 3986 §3.1).
    pub(super) fn named(name: &str) -> Result<Self, TargetUriError> {
        let mut all = [Self::Http, Self::Https].into_iter();
        let scheme = all.find(|scheme| scheme.name().eq_ignore_ascii_case(name));
        scheme.ok_or_else(|| TargetUriError::Scheme { found: name.into() })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_port_is_that_of_the_scheme() {
        for (scheme, text, origin, with_other_scheme) in [
            (Scheme::Https, "a", "https://a", "http://a"),
            (Scheme::Https, "a:443", "https://a", "http://a"),
            (Scheme::Https, "a:80", "https://a:80", "http://a"),
            (Scheme::Https, "a:8443", "https://a:8443", "http://a:8443"),
            (Scheme::Http, "a:80", "http://a", "https://a"),
            (Scheme::Http, "a:443", "http://a:443", "https://a"),
            (Scheme::Http, "[::1]:80", "http://[::1]", "https://[::1]"),
        ] {
            let parsed = Origin::parse(scheme, text).unwrap();
            assert_eq!(parsed.to_string(), origin, "{text}");
            let other = if scheme == Scheme::Http { Scheme::Https } else { Scheme::Http };
            assert_eq!(parsed.with_scheme(other).to_string(), with_other_scheme, "{text}");
        }
    }

    #[test]
    fn a_scheme_is_http_or_https_in_any_case() {
        assert_eq!((Scheme::named("HTTP"), Scheme::named("hTTps")), (Ok(Scheme::Http), Ok(Scheme::Https)));
        for name in ["", "ws", "wss", "httpss", "http ", "file"] {
            assert_eq!(Scheme::named(name), Err(TargetUriError::Scheme { found: name.into() }));
        }
    }
}
