//! Patterns for the identifiers of tenants, and an `iss` that may fit one.
//!
//! - Nothing panics.
//! - An `iss` fits a pattern if and only if it is its text with 1 to 64 letters, digits, `-` and `_` in the place of the placeholder.
//! - A pattern is https or on this machine. What fits it leads to its port, and to its host, or to one that is a label longer than what stands behind the
//!   placeholder; it has no user name, query or fragment.

use url::Url;

use self::pattern::IssuerPattern;
use crate::keys::{Encryption, is_loopback};

#[path = "../../src/tenants/invalid_issuer_pattern.rs"]
#[expect(unreachable_pub, reason = "in the crate it is public")]
mod invalid_issuer_pattern;
#[path = "../../src/tenants/issuer_pattern.rs"]
mod pattern;

const PLACEHOLDER: &str = "{tenant}";

/// The first line is the pattern, and each other line an `iss`, or after a `$` the name of a tenant.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut lines = text.split('\n');
    let written = lines.next().unwrap_or_default();
    let Ok(pattern) = IssuerPattern::parse(written, Encryption::Required) else { return };
    let [before, after] = *written.split(PLACEHOLDER).collect::<Vec<_>>() else { panic!("{written:?}") };
    let example = url(&format!("{before}a{after}")).expect("a URL");
    assert!(example.scheme() == "https" || is_loopback(&example), "{written:?}");
    assert_eq!(pattern.is_on_this_machine(), is_loopback(&example), "{written:?}");
    assert!(pattern.fits(&format!("{before}a{after}")) && !pattern.fits(written), "{written:?}");
    for line in lines {
        let iss = line.strip_prefix('$').map_or_else(|| line.to_owned(), |name| format!("{before}{name}{after}"));
        let name = name(&iss, before, after);
        assert_eq!(pattern.fits(&iss), name.is_some(), "{written:?}, {iss:?}");
        if let Some(name) = name {
            check_url(&iss, name, &example, written);
        }
    }
}

/// What stands for the placeholder, if that may be the name of a tenant.
fn name<'i>(iss: &'i str, before: &str, after: &str) -> Option<&'i str> {
    let length = iss.len().checked_sub(before.len() + after.len())?;
    let name = iss.get(before.len()..before.len() + length)?;
    let is_name =
        (1..65).contains(&length) && name.chars().all(|it| matches!(it, 'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_'));
    (is_name && format!("{before}{name}{after}") == iss).then_some(name)
}

fn check_url(iss: &str, name: &str, example: &Url, written: &str) {
    // The label of a host may be one that stands for other characters, and means nothing.
    let Some(url) = url(iss) else { return assert!(written.contains("://{tenant}."), "{written:?}, {iss:?}") };
    let bare = (url.username(), url.password(), url.query(), url.fragment());
    assert_eq!(bare, ("", None, None, None), "{written:?}, {iss:?}");
    let place = |url: &Url| (url.scheme().to_owned(), url.port_or_known_default());
    assert_eq!(place(&url), place(example), "{written:?}, {iss:?}");
    let (host, of_example) = (url.host_str().expect("a host"), example.host_str().expect("a host"));
    if written.contains("://{tenant}.") {
        let rest = of_example.strip_prefix("a.").expect("a label");
        assert!(rest.trim_end_matches('.').contains('.'), "{written:?}");
        assert_eq!(host, format!("{}.{rest}", name.to_ascii_lowercase()), "{written:?}, {iss:?}");
        assert_eq!(url.path(), example.path(), "{written:?}, {iss:?}");
    } else {
        assert_eq!(host, of_example, "{written:?}, {iss:?}");
    }
}

fn url(text: &str) -> Option<Url> {
    Url::parse(text).ok()
}
