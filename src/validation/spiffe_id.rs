//! SPIFFE IDs of workloads (SPIFFE ID §2).

/// The scheme, as far as the trust domain.
const SCHEME: &str = "spiffe://";
/// The maximum length of a SPIFFE ID, and of the name of a trust domain, in bytes (§2.3).
const MAX_ID_LENGTH: usize = 2048;
const MAX_TRUST_DOMAIN_LENGTH: usize = 255;

/// The trust domain of a workload's SPIFFE ID, as a SPIFFE ID: `spiffe://example.org` for `spiffe://example.org/shop`. `None` if the text
/// is not the SPIFFE ID of a workload, which has a path.
pub(crate) fn trust_domain_of(id: &str) -> Option<&str> {
    let rest = id.strip_prefix(SCHEME).filter(|_| id.len() <= MAX_ID_LENGTH)?;
    let (trust_domain, path) = rest.split_once('/')?;
    let is_good = is_trust_domain(trust_domain) && path.split('/').all(is_segment);
    is_good.then(|| &id[..SCHEME.len() + trust_domain.len()])
}

/// Whether the text is the name of a trust domain: lower-case letters, digits, `.`, `-` and `_` (§2.1).
pub(crate) fn is_trust_domain(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    (1..=MAX_TRUST_DOMAIN_LENGTH).contains(&name.len()) && name.bytes().all(is_allowed)
}

/// Letters, digits, `.`, `-` and `_`, and neither `.` nor `..` (§2.2).
fn is_segment(segment: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_has_a_trust_domain_and_a_path() {
        for (id, trust_domain) in [
            ("spiffe://example.org/shop", "spiffe://example.org"),
            ("spiffe://example.org/ns/shop/sa/Front_end-1.2", "spiffe://example.org"),
            ("spiffe://a/b", "spiffe://a"),
            ("spiffe://1.2.3.4/...", "spiffe://1.2.3.4"),
        ] {
            assert_eq!(trust_domain_of(id), Some(trust_domain), "{id}");
        }
        for bad in [
            "",
            "spiffe://example.org",
            "spiffe://example.org/",
            "spiffe:///shop",
            "spiffe://example.org/shop/",
            "spiffe://example.org//shop",
            "spiffe://example.org/./shop",
            "spiffe://example.org/shop/..",
            "spiffe://Example.org/shop",
            "spiffe://example.org:443/shop",
            "spiffe://user@example.org/shop",
            "spiffe://example.org/shop?x",
            "spiffe://example.org/shop#x",
            "spiffe://example.org/sh%6fp",
            "spiffe://example.org/sh\u{f6}p",
            "spiffe://ex\u{e4}mple.org/shop",
            "SPIFFE://example.org/shop",
            "Spiffe://example.org/shop",
            "spiffe:/example.org/shop",
            "https://example.org/shop",
            " spiffe://example.org/shop",
            "spiffe://example.org/shop ",
        ] {
            assert_eq!(trust_domain_of(bad), None, "{bad}");
        }
        let of_length = |length: usize| format!("spiffe://a/{}", "b".repeat(length - 11));
        assert!(trust_domain_of(&of_length(2048)).is_some() && trust_domain_of(&of_length(2049)).is_none());
        let domain = |length: usize| format!("spiffe://{}/b", "a".repeat(length));
        assert!(trust_domain_of(&domain(255)).is_some() && trust_domain_of(&domain(256)).is_none());
    }
}
