use aws_lc_rs::constant_time;
use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// The SHA-256 of the bearer token by which a transmitter is known. The token itself is not kept.
#[derive(Clone)]
pub(super) struct BearerToken([u8; SHA256_OUTPUT_LEN]);

impl BearerToken {
    /// `None` if it is not the text of a bearer token (RFC 6750 §2.1). A placeholder is none either.
    pub(super) fn new(token: &str) -> Option<Self> {
        let text = token.trim_end_matches('=');
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        (!text.is_empty() && text.bytes().all(is_part)).then(|| Self(hash(token.as_bytes())))
    }

    /// Whether a request has this token, in constant time.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else { return false };
        let Some((scheme, token)) = line.as_bytes().split_at_checked(b"Bearer ".len()) else { return false };
        let is_equal = constant_time::verify_slices_are_equal(&self.0, &hash(token.trim_ascii())).is_ok();
        scheme.eq_ignore_ascii_case(b"Bearer ") && is_equal
    }
}

fn hash(text: &[u8]) -> [u8; SHA256_OUTPUT_LEN] {
    let mut bytes = [0; SHA256_OUTPUT_LEN];
    bytes.copy_from_slice(digest(&SHA256, text).as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_with_the_scheme_and_the_whole_token() {
        let token = BearerToken::new("abc.DEF-1~+/==").unwrap();
        let is_in = |lines: &[&str]| {
            let lines = lines.iter().map(|line| (AUTHORIZATION, line.parse().unwrap()));
            token.is_in(&lines.collect::<HeaderMap>())
        };
        assert!(is_in(&["Bearer abc.DEF-1~+/=="]) && is_in(&["bearer  abc.DEF-1~+/== "]));
        for wrong in
            ["", "Bearer", "Bearer ", "Bearer abc", "abc.DEF-1~+/==", "Digest abc.DEF-1~+/==", "Bearer abc.def-1~+/=="]
        {
            assert!(!is_in(&[wrong]), "{wrong}");
        }
        assert!(!is_in(&[]) && !is_in(&["Bearer abc.DEF-1~+/=="; 2]));
        for impossible in ["", "=", "a b", "a=b", "${TOKEN}", "<token>", "a\n", "ä"] {
            assert!(BearerToken::new(impossible).is_none(), "{impossible}");
        }
    }
}
