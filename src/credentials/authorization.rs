use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderName};

/// The header that holds the proof for a bound token (RFC 9449 §4.1).
pub(crate) const PROOF: HeaderName = HeaderName::from_static("dpop");

/// The credentials of a request are malformed, or there are more than one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MalformedCredentials {
    /// The scheme that the request used: the error is in its challenge (RFC 9449 §7.2). `Bearer` if that is ambiguous.
    pub(crate) used: Scheme,
}

/// An authentication scheme whose credentials hold an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// RFC 6750.
    Bearer,
    /// RFC 9449 §7.1: the token is bound to a key, and a proof by that key comes with it.
    Dpop,
}

/// The schemes that a server knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Schemes {
    #[default]
    Bearer,
    BearerAndDpop,
}

impl Schemes {
    /// RFC 9110 §11.1: schemes are compared ignoring case.
    fn find(self, name: &[u8]) -> Option<Scheme> {
        if name.eq_ignore_ascii_case(b"Bearer") {
            return Some(Scheme::Bearer);
        }
        (self == Self::BearerAndDpop && name.eq_ignore_ascii_case(b"DPoP")).then_some(Scheme::Dpop)
    }
}

/// The scheme and the token of the `Authorization` header, if it has one (RFC 6750 §2.1). Credentials of another scheme count as
/// none (§3.1).
///
/// Whether the token [is a b64token](is_b64token) is not checked here: every valid token is one, so it matters only to how a bad
/// one is refused.
pub(super) fn authorization(
    headers: &HeaderMap,
    known: Schemes,
) -> Result<Option<(Scheme, &str)>, MalformedCredentials> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(None),
        (Some(line), None) => parse(line.as_bytes(), known),
        // RFC 9110 §5.3: a field that is not a list has one line. With two it is ambiguous which one counts.
        (Some(_), Some(_)) => Err(MalformedCredentials { used: Scheme::Bearer }),
    }
}

/// `credentials = auth-scheme 1*SP b64token` (RFC 9110 §11.4, RFC 6750 §2.1).
fn parse(value: &[u8], known: Schemes) -> Result<Option<(Scheme, &str)>, MalformedCredentials> {
    let value = trim(value);
    let scheme_length = value.iter().take_while(|byte| is_tchar(**byte)).count();
    let (scheme, rest) = value.split_at(scheme_length);
    if scheme.is_empty() {
        return Err(MalformedCredentials { used: Scheme::Bearer });
    }
    let Some(scheme) = known.find(scheme) else { return Ok(None) };
    let malformed = || MalformedCredentials { used: scheme };
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    let token = &rest[spaces..];
    if spaces == 0 || token.is_empty() {
        return Err(malformed());
    }
    std::str::from_utf8(token).map(|token| Some((scheme, token))).map_err(|_| malformed())
}

/// RFC 9110 §5.5: optional white space around a field's value is not part of it. It is a space or a tab only.
pub(super) fn trim(value: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !is_space(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
    &value[start..end]
}

/// RFC 9110 §5.6.2.
pub(super) fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="` (RFC 6750 §2.1).
pub(crate) fn is_b64token(token: &[u8]) -> bool {
    let padding = token.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = &token[..token.len() - padding];
    // Every byte, without stopping at the first fault: this compiles to vector instructions, and every request runs it.
    !body.is_empty() && body.iter().fold(true, |good, byte| good & is_b64token_char(*byte))
}

/// In ranges, because a search through a list costs more than everything else that is done for a cached token: `+ - . /` and the
/// digits are neighbours, except for the comma.
#[expect(clippy::needless_bitwise_bool, reason = "a branch cannot become a vector instruction")]
fn is_b64token_char(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let digit_or_sign = (byte.wrapping_sub(b'+') < 15) & (byte != b',');
    letter | digit_or_sign | (byte == b'_') | (byte == b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows A1 to A4.
    #[test]
    fn a_bearer_token_follows_its_scheme() {
        for good in
            ["Bearer t.o-k_e~n+/==", "bEaReR t.o-k_e~n+/==", "Bearer   t.o-k_e~n+/==", " \t Bearer t.o-k_e~n+/== \t"]
        {
            assert_eq!(
                parse(good.as_bytes(), Schemes::Bearer),
                Ok(Some((Scheme::Bearer, "t.o-k_e~n+/=="))),
                "{good:?}"
            );
        }
    }

    /// Row A4.
    #[test]
    fn every_byte_is_classified_as_in_the_grammar() {
        for byte in 0..=u8::MAX {
            let listed = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            assert_eq!(is_b64token_char(byte), listed, "{byte:#x}");
        }
    }

    /// Rows A5, A6.
    #[test]
    fn malformed_credentials_are_found() {
        let bad: [&[u8]; 9] = [
            b"",
            b"Bearer",
            b"Bearer ",
            b"Bearer\tt",
            b"Bearer,t",
            b"Bearer=t",
            b"Bearer\xa0t",
            b"Bearer t\xff",
            b"\"Bearer\" t",
        ];
        for value in bad {
            for known in [Schemes::Bearer, Schemes::BearerAndDpop] {
                let malformed = Err(MalformedCredentials { used: Scheme::Bearer });
                assert_eq!(parse(value, known), malformed, "{:?}", value.escape_ascii().to_string());
            }
        }
    }

    /// Row A5.
    #[test]
    fn only_a_b64token_is_one() {
        for good in ["t", "t.o-k_e~n+/==", "t="] {
            assert!(is_b64token(good.as_bytes()), "{good:?}");
        }
        for bad in ["", "t, Bearer t", "t x", "\"t\"", "t,", "=", "t=t", "\tt", "\u{e9}"] {
            assert!(!is_b64token(bad.as_bytes()), "{bad:?}");
        }
    }

    /// Row L12.
    #[test]
    fn the_scheme_of_a_bound_token_is_known_where_bindings_are_checked() {
        for good in ["DPoP t.o-k_e~n+/==", "dpop t.o-k_e~n+/==", " DPOP   t.o-k_e~n+/=="] {
            let found = parse(good.as_bytes(), Schemes::BearerAndDpop);
            assert_eq!(found, Ok(Some((Scheme::Dpop, "t.o-k_e~n+/=="))), "{good:?}");
        }
        for malformed in ["DPoP", "DPoP ", "DPoP\tt", "DPoP,t"] {
            let found = parse(malformed.as_bytes(), Schemes::BearerAndDpop);
            assert_eq!(found, Err(MalformedCredentials { used: Scheme::Dpop }), "{malformed:?}");
        }
        assert_eq!(parse(b"DPoPx t", Schemes::BearerAndDpop), Ok(None));
    }

    /// Row A8.
    #[test]
    fn credentials_of_another_scheme_count_as_none() {
        for other in ["Basic dTpw", "Digest a=b", "Negotiate", "DPoP t", "Bearertoken", "Bearer-x t", "Token t"] {
            assert_eq!(parse(other.as_bytes(), Schemes::Bearer), Ok(None), "{other}");
        }
    }
}
