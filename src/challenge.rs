//! `WWW-Authenticate`: the one place that writes it (RFC 9110 §11.6.1, RFC 6750 §3).

use http::HeaderValue;

use crate::require::Shortfall;

/// The error codes of RFC 6750 §3.1, each with its one description: a constant, never a word of the token or of a parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ErrorCode {
    InvalidRequest,
    InvalidToken,
    InsufficientScope,
}

impl ErrorCode {
    const fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
        }
    }

    const fn description(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request must have one Authorization header with one Bearer token",
            Self::InvalidToken => "The access token is malformed, expired, or not valid here",
            Self::InsufficientScope => "The request needs a scope that the access token does not grant",
        }
    }
}

/// The challenges of one resource server.
#[derive(Debug)]
pub(crate) struct Challenges {
    base: String,
    no_credentials: HeaderValue,
    invalid_request: HeaderValue,
    invalid_token: HeaderValue,
}

impl Challenges {
    /// `None` if `realm` cannot stand in a header.
    pub(crate) fn new(realm: &str) -> Option<Self> {
        let base = format!("Bearer realm={}", quoted(realm)?);
        let plain = |error| HeaderValue::try_from(with_error(&base, error)).ok();
        Some(Self {
            no_credentials: HeaderValue::try_from(&base).ok()?,
            invalid_request: plain(ErrorCode::InvalidRequest)?,
            invalid_token: plain(ErrorCode::InvalidToken)?,
            base,
        })
    }

    /// RFC 6750 §3.1: a request without credentials is told how to authenticate and gets no error code.
    pub(crate) fn no_credentials(&self) -> HeaderValue {
        self.no_credentials.clone()
    }

    pub(crate) fn invalid_request(&self) -> HeaderValue {
        self.invalid_request.clone()
    }

    pub(crate) fn invalid_token(&self) -> HeaderValue {
        self.invalid_token.clone()
    }

    /// RFC 6750 §3.1, with the scope that would do.
    pub(crate) fn insufficient_scope(&self, shortfall: &Shortfall) -> HeaderValue {
        let mut text = with_error(&self.base, ErrorCode::InsufficientScope);
        // A scope's grammar leaves nothing to quote (RFC 6749 §3.3).
        text.extend([", scope=\"", shortfall.scope().as_str(), "\""]);
        HeaderValue::try_from(text).unwrap_or_else(|_| self.no_credentials())
    }
}

fn with_error(base: &str, error: ErrorCode) -> String {
    format!("{base}, error=\"{}\", error_description=\"{}\"", error.name(), error.description())
}

/// A quoted-string (RFC 9110 §5.6.4) of printable ASCII.
fn quoted(text: &str) -> Option<String> {
    if !text.bytes().all(|octet| matches!(octet, b' '..=b'~')) {
        return None;
    }
    Some(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b3_the_realm_is_a_quoted_string_whatever_is_in_it() {
        let bare = |realm| Challenges::new(realm).map(|challenges| challenges.no_credentials());
        assert_eq!(bare("https://api.example.com").unwrap(), r#"Bearer realm="https://api.example.com""#);
        assert_eq!(bare(r#"a "b" \c"#).unwrap(), r#"Bearer realm="a \"b\" \\c""#);
        for bad in ["a\r\nSet-Cookie: x", "a\0", "é", "\t", "\u{7f}"] {
            assert_eq!(bare(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a16_descriptions_keep_to_the_characters_that_are_allowed() {
        for error in [ErrorCode::InvalidRequest, ErrorCode::InvalidToken, ErrorCode::InsufficientScope] {
            let allowed = |octet| matches!(octet, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E);
            assert!(error.description().bytes().all(allowed), "{error:?}");
        }
    }
}
