//! Discovery documents, and the identifiers of the issuers that they are to be of.
//!
//! - Nothing panics.
//! - A document leads to keys or to an introspection endpoint only if its one `issuer` is the issuer's identifier, code point by code point.
//! - Where it leads is only ever https or, on this machine or where that is allowed, http; has no user name, password or fragment; and is this machine
//!   only if the issuer is here.
//! - Metadata is only ever fetched from the issuer's own origin, and its path ends as it is to end.
//!
//! What reads them is none of the crate's public modules. Its source is compiled into this package as it stands, so that the
//! crate needs no door that only fuzzing goes through, and the stable toolchain no flag.

use url::{Host, Url};

use crate::json::Json;
use crate::keys::{Encryption, IssuerUrl, MetadataUrl};
use crate::template::filled;

/// The first line is the issuer's identifier, the rest is the document, in which `$ISS` is that identifier.
pub fn run(input: &[u8]) {
    let (identifier, document) = input.split_at(input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len()));
    let Ok(identifier) = std::str::from_utf8(identifier) else { return };
    let document = with_identifier(document.get(1..).unwrap_or_default(), identifier);
    let parsed = IssuerUrl::parse(identifier, Encryption::Optional);
    // An issuer is refused besides if it looks as if a setting was not filled in.
    assert!(parsed.is_ok() || tower_bearer::Issuer::discover(identifier).is_err(), "{identifier:?}");
    if let Ok(issuer) = parsed {
        check(&issuer, identifier, &document, Encryption::Optional);
    }
    if let Ok(issuer) = IssuerUrl::parse(identifier, Encryption::Required) {
        check(&issuer, identifier, &document, Encryption::Required);
    }
}

fn check(issuer: &IssuerUrl, identifier: &str, document: &[u8], encryption: Encryption) {
    let own = Url::parse(identifier).expect("a URL");
    assert_eq!(&own, issuer.url());
    assert_is_fetchable(&own, identifier, encryption);
    assert_metadata_urls(issuer, identifier);

    for (member, name) in [(MetadataUrl::Jwks, "jwks_uri"), (MetadataUrl::Introspection, "introspection_endpoint")] {
        if let Ok(url) = issuer.url_named_by(document, member) {
            check_url(&url, &own, document, (identifier, name), encryption);
        }
    }
}

fn check_url(url: &Url, own: &Url, document: &[u8], (identifier, member): (&str, &str), encryption: Encryption) {
    let is_here = is_here(own);
    // The issuer's own host is where the application said that it is.
    let is_own = url.host() == own.host();
    assert!(is_here || is_own || !may_be_here(url), "{identifier:?} leads to {url}");
    // A member that is not used may hold what is not quite JSON.
    let Some(read) = Json::read(document.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(document)) else { return };
    let issuers: Vec<_> = read.members("issuer").map(Json::text).collect();
    assert_eq!(issuers, [Some(identifier)]);
    let [Some(text)] = *read.members(member).map(Json::text).collect::<Vec<_>>() else { panic!("{read:?}") };
    assert_eq!(Ok(url), Url::parse(text).as_ref());
    // Only plain http leads to plain http, and only from another machine.
    let is_plain = own.scheme() == "http" && !is_here;
    assert_is_fetchable(url, text, if is_plain { encryption } else { Encryption::Required });
}

fn with_identifier(document: &[u8], identifier: &str) -> Vec<u8> {
    let escaped = identifier.replace('\\', "\\\\").replace('"', "\\\"").into_bytes();
    filled(document, |part| Some((escaped.clone(), part.strip_prefix(b"ISS")?)))
}

fn assert_metadata_urls(issuer: &IssuerUrl, identifier: &str) {
    let own = Url::parse(identifier).expect("a URL");
    let wherever = issuer.metadata_urls();
    assert!((2..=3).contains(&wherever.len()), "{wherever:?}");
    for url in wherever {
        assert_eq!(url.origin(), own.origin());
        let names = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];
        assert!(names.iter().any(|name| url.path().starts_with(name) || url.path().ends_with(name)), "{url}");
        assert_eq!((url.query(), url.fragment()), (None, None), "{url}");
    }
    let [appended] = &*issuer.clone().openid_only().metadata_urls() else { panic!("{identifier:?}") };
    assert!(appended.path().ends_with("/.well-known/openid-configuration"), "{appended}");
}

/// By the text, which has no scheme but https where it does not lead to this machine and plain http is not allowed.
fn assert_is_fetchable(url: &Url, text: &str, encryption: Encryption) {
    let written = url.as_str();
    let may_be_plain = encryption == Encryption::Optional || is_here(url);
    let is_safe = written.starts_with("https://") || (written.starts_with("http://") && may_be_plain);
    assert!(is_safe && url.has_host(), "{text:?}");
    let authority = written.split('/').nth(2).unwrap_or_default();
    assert!(!authority.contains('@') && !written.contains('#'), "{text:?}");
}

/// The names and addresses that plain http is allowed for.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.octets()[0] == 127,
        Some(Host::Ipv6(address)) => {
            let [.., a, _] = address.segments();
            let is_mapped = address.segments()[..6] == [0, 0, 0, 0, 0, 0xffff];
            address.segments() == [0, 0, 0, 0, 0, 0, 0, 1] || (is_mapped && a >> 8 == 127)
        }
        None => false,
    }
}

/// Whatever may lead to this machine.
fn may_be_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let name = host.trim_end_matches('.');
    is_here(url)
        || name == "localhost"
        || name.ends_with(".localhost")
        || ["0.0.0.0", "[::]", "[::ffff:0:0]"].contains(&host)
}
