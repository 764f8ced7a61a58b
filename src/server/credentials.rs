use http::HeaderMap;
use http::header::AUTHORIZATION;

/// Credentials that are none: malformed, or more than one. What exactly is wrong is nobody's business but the client's,
/// who can look at its own request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MalformedCredentials;

/// The Bearer token of a request, if it has one (RFC 6750 §2.1). Credentials of another scheme count as none (§3.1).
///
/// That it [is a b64token](is_b64token) is not looked at here: every good token is one, so it matters only to how a bad one is
/// refused.
pub(super) fn bearer_token(headers: &HeaderMap) -> Result<Option<&str>, MalformedCredentials> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(None),
        (Some(line), None) => bearer_credentials(line.as_bytes()),
        // RFC 9110 §5.3: a field that is no list has one line. Which of two would count?
        (Some(_), Some(_)) => Err(MalformedCredentials),
    }
}

/// `credentials = auth-scheme 1*SP b64token` (RFC 9110 §11.4, RFC 6750 §2.1).
fn bearer_credentials(value: &[u8]) -> Result<Option<&str>, MalformedCredentials> {
    let value = without_surrounding_white_space(value);
    let scheme_length = value.iter().take_while(|octet| is_tchar(**octet)).count();
    let (scheme, rest) = value.split_at(scheme_length);
    if scheme.is_empty() {
        return Err(MalformedCredentials);
    }
    // RFC 9110 §11.1: in any case.
    if !scheme.eq_ignore_ascii_case(b"Bearer") {
        return Ok(None);
    }
    let spaces = rest.iter().take_while(|octet| **octet == b' ').count();
    let token = &rest[spaces..];
    if spaces == 0 || token.is_empty() {
        return Err(MalformedCredentials);
    }
    std::str::from_utf8(token).map(Some).map_err(|_| MalformedCredentials)
}

/// RFC 9110 §5.5: optional white space around a field's value is not part of it.
pub(super) fn without_surrounding_white_space(value: &[u8]) -> &[u8] {
    let is_space = |octet: &u8| matches!(octet, b' ' | b'\t');
    let start = value.iter().position(|octet| !is_space(octet)).unwrap_or(value.len());
    let end = value.iter().rposition(|octet| !is_space(octet)).map_or(start, |last| last + 1);
    &value[start..end]
}

/// RFC 9110 §5.6.2.
pub(super) fn is_tchar(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet)
}

/// `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="` (RFC 6750 §2.1).
pub(super) fn is_b64token(token: &[u8]) -> bool {
    let padding = token.iter().rev().take_while(|octet| **octet == b'=').count();
    let body = &token[..token.len() - padding];
    // All of it, without leaving at the first fault: so it becomes vector instructions, on the way of every good request.
    !body.is_empty() && body.iter().fold(true, |good, octet| good & is_b64token_char(*octet))
}

/// The same in ranges, because a search through a list costs more than everything else that is done to a cached token:
/// `+ - . /` and the digits are neighbours but for the comma among them.
#[expect(clippy::needless_bitwise_bool, reason = "a jump cannot become a vector instruction")]
fn is_b64token_char(octet: u8) -> bool {
    let letter = (octet | 0x20).wrapping_sub(b'a') < 26;
    let digit_or_sign = (octet.wrapping_sub(b'+') < 15) & (octet != b',');
    letter | digit_or_sign | (octet == b'_') | (octet == b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a1_to_a4_what_counts_as_a_bearer_token() {
        for good in
            ["Bearer t.o-k_e~n+/==", "bEaReR t.o-k_e~n+/==", "Bearer   t.o-k_e~n+/==", " \t Bearer t.o-k_e~n+/== \t"]
        {
            assert_eq!(bearer_credentials(good.as_bytes()), Ok(Some("t.o-k_e~n+/==")), "{good:?}");
        }
    }

    #[test]
    fn a4_every_octet_is_judged_as_the_grammar_has_it() {
        for octet in 0..=u8::MAX {
            let listed = octet.is_ascii_alphanumeric() || b"-._~+/".contains(&octet);
            assert_eq!(is_b64token_char(octet), listed, "{octet:#x}");
        }
    }

    #[test]
    fn a5_a6_what_is_malformed() {
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
            assert_eq!(bearer_credentials(value), Err(MalformedCredentials), "{:?}", value.escape_ascii().to_string());
        }
    }

    #[test]
    fn a5_what_is_no_token() {
        for good in ["t", "t.o-k_e~n+/==", "t="] {
            assert!(is_b64token(good.as_bytes()), "{good:?}");
        }
        for bad in ["", "t, Bearer t", "t x", "\"t\"", "t,", "=", "t=t", "\tt", "\u{e9}"] {
            assert!(!is_b64token(bad.as_bytes()), "{bad:?}");
        }
    }

    #[test]
    fn a8_another_scheme_is_no_bearer_token() {
        for other in ["Basic dTpw", "Digest a=b", "Negotiate", "DPoP t", "Bearertoken", "Bearer-x t", "Token t"] {
            assert_eq!(bearer_credentials(other.as_bytes()), Ok(None), "{other}");
        }
    }
}
