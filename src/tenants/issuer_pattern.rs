use std::fmt;

use url::Url;

use super::invalid_issuer_pattern::InvalidIssuerPattern;
use crate::keys::{Encryption, UrlError, identifying, is_loopback};

/// What stands for the tenant.
const PLACEHOLDER: &str = "{tenant}";
/// The longest name of a tenant.
const MAX_NAME: usize = 64;

/// The form of the identifiers of tenants: a URL with one placeholder.
///
/// The placeholder is a whole segment of the path, or the first label of a host name with at least two further ones. So no name of a tenant
/// leads to another host, port or path than the pattern shows.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct IssuerPattern {
    before: Box<str>,
    after: Box<str>,
    is_on_this_machine: bool,
}

impl IssuerPattern {
    pub(super) fn parse(text: &str, encryption: Encryption) -> Result<Self, InvalidIssuerPattern> {
        let (before, after) = text.split_once(PLACEHOLDER).ok_or(InvalidIssuerPattern::Placeholder)?;
        if before.contains(['{', '}']) || after.contains(['{', '}']) {
            return Err(InvalidIssuerPattern::Placeholder);
        }
        let example = |name: &str| {
            let url = identifying(&format!("{before}{name}{after}"), encryption);
            url.map_err(|reason| InvalidIssuerPattern::Url { reason })
        };
        let (url, other) = (example("a")?, example("b")?);
        if url.query().is_some() {
            return Err(InvalidIssuerPattern::Url { reason: UrlError::Query });
        }
        if !is_segment(&url, &other, before, after) && !is_first_label(&url, &other, before, after) {
            return Err(InvalidIssuerPattern::PartOfAName);
        }
        let is_on_this_machine = is_loopback(&url);
        Ok(Self { before: before.into(), after: after.into(), is_on_this_machine })
    }

    /// Whether `iss` is the pattern with the name of a tenant in the place of the placeholder, byte for byte.
    pub(super) fn fits(&self, iss: &str) -> bool {
        let name = iss.strip_prefix(&*self.before).and_then(|rest| rest.strip_suffix(&*self.after));
        name.is_some_and(is_name)
    }

    /// Whether the issuers are on this machine, because the application says so.
    pub(super) fn is_on_this_machine(&self) -> bool {
        self.is_on_this_machine
    }
}

/// Whether `text` can be the name of a tenant. It has no dot, percent sign or slash, so that it cannot change the URL around it.
fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// Whether the placeholder, which is `a` in `url` and `b` in `other`, is a whole segment of the path.
///
/// The URLs tell what is the host, because a parser of URLs leaves out and replaces characters of their text.
fn is_segment(url: &Url, other: &Url, before: &str, after: &str) -> bool {
    let is_bounded = before.ends_with('/') && (after.is_empty() || after.starts_with('/'));
    is_bounded && url.host() == other.host() && url.port() == other.port()
}

/// Whether the placeholder is the first label of a name with at least two others.
fn is_first_label(url: &Url, other: &Url, before: &str, after: &str) -> bool {
    if !matches!(before, "https://" | "http://") || !after.starts_with('.') {
        return false;
    }
    let rest = |url: &Url, name| url.domain().and_then(|domain| domain.strip_prefix(name)).map(str::to_owned);
    let Some(rest) = rest(url, "a.").filter(|of_a| rest(other, "b.").as_ref() == Some(of_a)) else { return false };
    rest.split('.').filter(|label| !label.is_empty()).count() > 1
}

impl fmt::Debug for IssuerPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}{PLACEHOLDER}{}\"", self.before, self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<IssuerPattern, InvalidIssuerPattern> {
        IssuerPattern::parse(text, Encryption::Required)
    }

    #[test]
    fn a_pattern_has_one_placeholder_that_is_a_whole_part_of_an_https_url() {
        for good in [
            "https://login.example.com/{tenant}",
            "https://login.example.com/{tenant}/",
            "https://login.example.com:8443/realms/{tenant}/v2",
            "https://{tenant}.login.example.com",
            "https://{tenant}.example.com/",
            "http://127.0.0.1:9400/{tenant}",
            "http://localhost/{tenant}",
            "http://[::1]:1/{tenant}",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        let url = |reason| InvalidIssuerPattern::Url { reason };
        for (bad, error) in [
            ("https://login.example.com/", InvalidIssuerPattern::Placeholder),
            ("https://login.example.com/{tenant}/{tenant}", InvalidIssuerPattern::Placeholder),
            ("https://login.example.com/{tenant}/{realm}", InvalidIssuerPattern::Placeholder),
            ("https://login.example.com/{tenantid}", InvalidIssuerPattern::Placeholder),
            ("https://login.example.com{tenant}", InvalidIssuerPattern::PartOfAName),
            ("https://{tenant}login.example.com", InvalidIssuerPattern::PartOfAName),
            ("https://login-{tenant}.example.com", InvalidIssuerPattern::PartOfAName),
            ("https://{tenant}", InvalidIssuerPattern::PartOfAName),
            ("https://{tenant}/", InvalidIssuerPattern::PartOfAName),
            ("https://{tenant}.com/", InvalidIssuerPattern::PartOfAName),
            ("https://{tenant}.localhost", InvalidIssuerPattern::PartOfAName),
            ("https://login.{tenant}.com/", InvalidIssuerPattern::PartOfAName),
            ("https://login.example.com/a{tenant}", InvalidIssuerPattern::PartOfAName),
            // What stands before looks like a scheme, and is a host and a path.
            ("https://login.example.comhttps://{tenant}.example.com", InvalidIssuerPattern::PartOfAName),
            ("https://login.example.com\\://{tenant}.example.com", InvalidIssuerPattern::PartOfAName),
            // What looks like a path is the host, because a parser leaves out empty hosts.
            ("https:////{tenant}", InvalidIssuerPattern::PartOfAName),
            ("https:///{tenant}/v2", InvalidIssuerPattern::PartOfAName),
            ("https:////{tenant}.login.example.com", InvalidIssuerPattern::PartOfAName),
            ("https://login.example.com/{tenant}b", InvalidIssuerPattern::PartOfAName),
            ("https://login.example.com:{tenant}/", url(UrlError::NotAUrl)),
            ("https://{tenant}@login.example.com/", url(UrlError::Credentials)),
            ("https://login.example.com/?t={tenant}", url(UrlError::Query)),
            ("https://login.example.com/#{tenant}", url(UrlError::Fragment)),
            ("http://login.example.com/{tenant}", url(UrlError::Scheme)),
            ("login.example.com/{tenant}", url(UrlError::NotAUrl)),
            ("{tenant}", url(UrlError::NotAUrl)),
            ("", InvalidIssuerPattern::Placeholder),
        ] {
            assert_eq!(parse(bad), Err(error), "{bad}");
        }
    }

    #[test]
    fn nothing_but_a_name_stands_for_the_placeholder() {
        let pattern = parse("https://login.example.com/{tenant}/v2").unwrap();
        let fits = |name: &str| pattern.fits(&format!("https://login.example.com/{name}/v2"));
        for good in ["acme", "a", "A-1_z", &"a".repeat(64)] {
            assert!(fits(good), "{good}");
        }
        let long = "a".repeat(65);
        for bad in ["", ".", "..", "a.b", "a/b", "a%2fb", "a b", "a?b", "a#b", "a@b", "a:b", "a\\b", "ä", "a\n", &long]
        {
            assert!(!fits(bad), "{bad}");
        }
        for bad in [
            "https://login.example.com/acme/v2/",
            "https://login.example.com/acme",
            "https://login.example.com/v2",
            "https://login.example.com//v2",
            "https://Login.example.com/acme/v2",
            "HTTPS://login.example.com/acme/v2",
            "http://login.example.com/acme/v2",
            "https://login.example.com:443/acme/v2",
            "https://login.example.com.evil.test/acme/v2",
            "https://login.example.com@evil.test/acme/v2",
            "https://evil.test/https://login.example.com/acme/v2",
            " https://login.example.com/acme/v2",
        ] {
            assert!(!pattern.fits(bad), "{bad}");
        }
    }

    #[test]
    fn only_a_pattern_that_says_so_is_on_this_machine() {
        for (text, expected) in [
            ("http://127.0.0.1:9400/{tenant}", true),
            ("https://localhost/{tenant}", true),
            ("http://[::1]/{tenant}", true),
            ("https://login.example.com/{tenant}", false),
            ("https://{tenant}.example.com/", false),
        ] {
            assert_eq!(parse(text).unwrap().is_on_this_machine(), expected, "{text}");
        }
    }
}
