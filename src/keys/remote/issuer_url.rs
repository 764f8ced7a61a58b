//! Derives the URLs of the metadata from an issuer's identifier, and checks the URLs that the metadata names (OpenID Connect
//! Discovery 1.0, RFC 8414). No I/O.

use std::net::IpAddr;

use serde::Deserialize;
use url::{Host, Url};

use super::address::LocalAddress;
use crate::jose::read_struct;
use crate::keys::{DiscoveryError, Encryption, UrlError, fetchable, identifying, is_loopback};

/// An issuer's identifier that is also a URL, byte for byte as the application gave it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct IssuerUrl {
    identifier: Box<str>,
    url: Url,
    well_known: WellKnown,
}

/// Where an issuer's metadata may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WellKnown {
    /// At any of the places that RFC 8414 §5 knows.
    Anywhere,
    /// After the path, and nowhere else (OpenID Connect Discovery §4.1).
    OpenId,
}

impl IssuerUrl {
    /// RFC 8414 §2: https, and neither a query nor a fragment.
    pub(crate) fn parse(identifier: &str, encryption: Encryption) -> Result<Self, UrlError> {
        let url = identifying(identifier, encryption)?;
        if url.query().is_some() {
            return Err(UrlError::Query);
        }
        Ok(Self { identifier: identifier.into(), url, well_known: WellKnown::Anywhere })
    }

    pub(crate) fn openid_only(self) -> Self {
        Self { well_known: WellKnown::OpenId, ..self }
    }

    pub(crate) fn identifier(&self) -> &str {
        &self.identifier
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Where the metadata may be, in the order in which to look: RFC 8414 §3.1 puts the well-known part between host and
    /// path, OpenID Connect Discovery §4.1 after the path, and RFC 8414 §5 knows both.
    pub(crate) fn metadata_urls(&self) -> Vec<Url> {
        let path = self.url.path().trim_end_matches('/');
        let oauth = format!("/.well-known/oauth-authorization-server{path}");
        let openid_inserted = format!("/.well-known/openid-configuration{path}");
        let openid_appended = format!("{path}/.well-known/openid-configuration");
        let mut paths = match self.well_known {
            WellKnown::Anywhere => vec![oauth, openid_inserted, openid_appended],
            WellKnown::OpenId => vec![openid_appended],
        };
        paths.dedup(); // Without a path the two OpenID forms are one.
        let at = |path: String| {
            let mut url = self.url.clone();
            url.set_path(&path);
            url
        };
        paths.into_iter().map(at).collect()
    }

    /// Reads a metadata document and returns the URL that it names.
    pub(crate) fn url_named_by(&self, document: &[u8], member: MetadataUrl) -> Result<Url, DiscoveryError> {
        let (issuer, url) = member.read(document).ok_or(member.missing())?;
        self.is_identical_to(&issuer)?;
        // A document that came over https must not lead to plain http.
        let encryption = if is_plain(&self.url) { Encryption::Optional } else { Encryption::Required };
        let url = fetchable(&url, encryption).map_err(|reason| member.refused(reason))?;
        self.may_point_to(&url).map_err(|reason| member.refused(reason))?;
        Ok(url)
    }

    /// RFC 8414 §3.3: code point by code point, or the document is unusable.
    fn is_identical_to(&self, found: &str) -> Result<(), DiscoveryError> {
        if found == &*self.identifier { Ok(()) } else { Err(DiscoveryError::Issuer { found: found.into() }) }
    }

    /// RFC 8725bis §3.10: the document of a remote issuer must not point to this machine or its link. Names are checked when they are
    /// resolved. The issuer's own host is exempt, because the application named it.
    fn may_point_to(&self, url: &Url) -> Result<(), UrlError> {
        if is_loopback(&self.url) || url.host() == self.url.host() {
            return Ok(());
        }
        local(url).map_or(Ok(()), Err)
    }
}

/// A member of an issuer's metadata that is a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetadataUrl {
    /// The `jwks_uri`.
    Jwks,
    /// The `introspection_endpoint`.
    #[cfg(feature = "introspection")]
    Introspection,
}

impl MetadataUrl {
    /// The issuer that the document names, and the URL.
    fn read(self, document: &[u8]) -> Option<(String, String)> {
        // One type for each member: a member that is not asked for may have any form.
        match self {
            Self::Jwks => {
                #[derive(Deserialize)]
                struct Metadata {
                    issuer: String,
                    jwks_uri: String,
                }
                let metadata: Metadata = read_struct(document)?;
                Some((metadata.issuer, metadata.jwks_uri))
            }
            #[cfg(feature = "introspection")]
            Self::Introspection => {
                #[derive(Deserialize)]
                struct Metadata {
                    issuer: String,
                    introspection_endpoint: String,
                }
                let metadata: Metadata = read_struct(document)?;
                Some((metadata.issuer, metadata.introspection_endpoint))
            }
        }
    }

    fn missing(self) -> DiscoveryError {
        match self {
            Self::Jwks => DiscoveryError::NotMetadata,
            #[cfg(feature = "introspection")]
            Self::Introspection => DiscoveryError::NoIntrospectionEndpoint,
        }
    }

    fn refused(self, reason: UrlError) -> DiscoveryError {
        match self {
            Self::Jwks => DiscoveryError::JwksUri { reason },
            #[cfg(feature = "introspection")]
            Self::Introspection => DiscoveryError::IntrospectionEndpoint { reason },
        }
    }
}

/// Whether anyone on the path can read and change what is fetched from `url`: plain http from another machine.
pub(crate) fn is_plain(url: &Url) -> bool {
    url.scheme() == "http" && !is_loopback(url)
}

/// Whether the text of a URL tells that it leads to this machine or its link. More names are refused than
/// [`is_loopback`] accepts.
pub(super) fn local(url: &Url) -> Option<UrlError> {
    let address = match url.host()? {
        Host::Domain(name) => return is_name_of_this_machine(name).then_some(UrlError::Loopback),
        Host::Ipv4(address) => IpAddr::V4(address),
        Host::Ipv6(address) => IpAddr::V6(address),
    };
    Some(match LocalAddress::of(address)? {
        LocalAddress::ThisMachine => UrlError::Loopback,
        LocalAddress::LinkLocal => UrlError::LinkLocal,
        LocalAddress::CloudMetadata => UrlError::CloudMetadata,
    })
}

/// The names of RFC 6761 §6.3, and those that systems write into their hosts files. The resolver checks all others.
fn is_name_of_this_machine(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    let listed = ["localhost", "localhost.localdomain", "localhost4", "localhost6", "ip6-localhost", "ip6-loopback"];
    listed.contains(&name) || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(issuer: &str) -> Result<IssuerUrl, UrlError> {
        IssuerUrl::parse(issuer, Encryption::Required)
    }

    fn urls(issuer: &str) -> Vec<String> {
        parsed(issuer).unwrap().metadata_urls().into_iter().map(Into::into).collect()
    }

    /// Rows I2, I3, I4.
    #[test]
    fn where_metadata_is_looked_for() {
        let root = [
            "https://h.example/.well-known/oauth-authorization-server",
            "https://h.example/.well-known/openid-configuration",
        ];
        assert_eq!(urls("https://h.example"), root);
        assert_eq!(urls("https://h.example/"), root);
        let path = [
            "https://h.example:8443/.well-known/oauth-authorization-server/t/1",
            "https://h.example:8443/.well-known/openid-configuration/t/1",
            "https://h.example:8443/t/1/.well-known/openid-configuration",
        ];
        assert_eq!(urls("https://h.example:8443/t/1"), path);
        assert_eq!(urls("https://h.example:8443/t/1/"), path);
        let openid = parsed("https://h.example:8443/t/1").unwrap().openid_only();
        assert_eq!(openid.metadata_urls().into_iter().map(String::from).collect::<Vec<_>>(), path[2..]);
    }

    /// Row I5.
    #[test]
    fn what_an_issuer_url_may_be() {
        let parse = |text: &str| parsed(text).map(|issuer| issuer.identifier.to_string());
        for good in
            ["https://h.example", "https://h.example/", "http://localhost:1", "http://127.0.0.9", "http://[::1]:80/a"]
        {
            assert_eq!(parse(good), Ok(good.to_owned()), "kept byte for byte");
        }
        assert_eq!(parse("http://h.example"), Err(UrlError::Scheme));
        assert_eq!(parse("http://localhost.example"), Err(UrlError::Scheme));
        assert_eq!(parse("http://127.0.0.1.example"), Err(UrlError::Scheme));
        assert_eq!(parse("file:///etc/passwd"), Err(UrlError::Scheme));
        assert_eq!(parse("https://h.example?a"), Err(UrlError::Query));
        assert_eq!(parse("https://h.example#a"), Err(UrlError::Fragment));
        assert_eq!(parse("https://u:p@h.example"), Err(UrlError::Credentials));
        for repaired in
            ["h.example", "https:h.example", "https:\\\\h.example", "https://h.example\n", " https://h.example"]
        {
            assert_eq!(parse(repaired), Err(UrlError::NotAUrl), "{repaired:?}");
        }
        assert_eq!(parse(""), Err(UrlError::NotAUrl));
    }

    /// Row I1.
    #[test]
    fn the_metadata_must_be_the_issuers_own() {
        let issuer = parsed("https://h.example/t").unwrap();
        let read = |found: &str, jwks_uri: &str| {
            let document = format!(r#"{{"issuer":"{found}","jwks_uri":"{jwks_uri}","x":1}}"#);
            issuer.url_named_by(document.as_bytes(), MetadataUrl::Jwks)
        };
        let keys = "https://keys.example/jwks";
        assert_eq!(read("https://h.example/t", keys).map(String::from), Ok(keys.to_owned()), "another host is common");
        for other in ["https://h.example/t/", "https://h.example/T", "https://H.example/t", "https://h.example", ""] {
            assert_eq!(read(other, keys), Err(DiscoveryError::Issuer { found: other.into() }));
        }
    }

    /// Row D16.
    #[test]
    fn where_the_metadata_may_point() {
        let read = |issuer: &str, jwks_uri: &str| {
            let document = format!(r#"{{"issuer":"{issuer}","jwks_uri":"{jwks_uri}"}}"#);
            parsed(issuer).unwrap().url_named_by(document.as_bytes(), MetadataUrl::Jwks).map(drop)
        };
        let refused = |reason| Err(DiscoveryError::JwksUri { reason });
        let remote = "https://h.example";
        assert_eq!(read(remote, "http://h.example/jwks"), refused(UrlError::Scheme));
        assert_eq!(read(remote, "file:///jwks"), refused(UrlError::Scheme));
        assert_eq!(read(remote, "http://127.0.0.1/jwks"), refused(UrlError::Loopback));
        assert_eq!(read(remote, "https://localhost/jwks"), refused(UrlError::Loopback));
        for this_machine in [
            "[::ffff:127.0.0.1]",
            "[::]",
            "0.0.0.0",
            "[::ffff:0.0.0.0]",
            "localhost.",
            "a.localhost",
            "127.1",
            "[::127.0.0.1]",
            "[64:ff9b::127.0.0.1]",
            "[64:ff9b:1::127.0.0.1]",
            "[2002:7f00:1::]",
            "ip6-localhost",
            "ip6-loopback.",
            "localhost.localdomain",
        ] {
            let jwks_uri = format!("https://{this_machine}/jwks");
            assert_eq!(read(remote, &jwks_uri), refused(UrlError::Loopback), "{this_machine}");
        }
        for link_local in ["169.254.1.1", "[fe80::1]", "[::ffff:169.254.1.1]"] {
            assert_eq!(read(remote, &format!("https://{link_local}/jwks")), refused(UrlError::LinkLocal));
        }
        for metadata in ["169.254.169.254", "[64:ff9b::169.254.169.254]", "[fd00:ec2::254]", "168.63.129.16"] {
            assert_eq!(read(remote, &format!("https://{metadata}/jwks")), refused(UrlError::CloudMetadata));
        }
        for private in ["10.0.0.1", "192.168.0.1", "[fc00::1]", "keys.internal"] {
            assert_eq!(read(remote, &format!("https://{private}/jwks")), Ok(()), "{private}");
        }
        // The application named this host, and no other like it.
        assert_eq!(read("https://169.254.1.1", "https://169.254.1.1:8443/jwks"), Ok(()));
        assert_eq!(read("https://169.254.1.1", "https://169.254.1.2/jwks"), refused(UrlError::LinkLocal));
        assert_eq!(read("https://ip6-localhost", "https://127.0.0.1/jwks"), refused(UrlError::Loopback));
        assert_eq!(read("http://127.0.0.1:1", "http://127.0.0.1:2/jwks"), Ok(()));
        assert_eq!(read("http://127.0.0.1:1", "http://h.example/jwks"), refused(UrlError::Scheme));
    }

    /// Rows D16, N1.
    #[cfg(feature = "introspection")]
    #[test]
    fn a_stated_introspection_endpoint_is_checked_as_the_location_of_keys_is() {
        let read = |endpoint: &str| {
            let document =
                format!(r#"{{"issuer":"https://h.example","introspection_endpoint":"{endpoint}","jwks_uri":1}}"#);
            parsed("https://h.example").unwrap().url_named_by(document.as_bytes(), MetadataUrl::Introspection).map(drop)
        };
        let refused = |reason| Err(DiscoveryError::IntrospectionEndpoint { reason });
        assert_eq!(read("https://tokens.example/introspect?a=b"), Ok(()));
        assert_eq!(read("http://h.example/introspect"), refused(UrlError::Scheme));
        assert_eq!(read("https://127.0.0.1/introspect"), refused(UrlError::Loopback));
        assert_eq!(read("https://a.localhost/introspect"), refused(UrlError::Loopback));
        assert_eq!(read("https://[fe80::1]/introspect"), refused(UrlError::LinkLocal));
        assert_eq!(read("https://169.254.169.254/introspect"), refused(UrlError::CloudMetadata));
        assert_eq!(read("https://user:secret@tokens.example/"), refused(UrlError::Credentials));
    }

    /// Rows D16, I5.
    #[test]
    fn plain_http_leads_to_plain_http_only_where_it_is_allowed_and_never_from_https() {
        let read = |issuer: &str, jwks_uri: &str| {
            let document = format!(r#"{{"issuer":"{issuer}","jwks_uri":"{jwks_uri}"}}"#);
            IssuerUrl::parse(issuer, Encryption::Optional)
                .unwrap()
                .url_named_by(document.as_bytes(), MetadataUrl::Jwks)
                .map(drop)
        };
        let refused = |reason| Err(DiscoveryError::JwksUri { reason });
        for jwks_uri in ["http://keycloak:8080/certs", "http://keys.internal/certs", "https://keys.example/certs"] {
            assert_eq!(read("http://keycloak:8080/realms/shop", jwks_uri), Ok(()), "{jwks_uri}");
        }
        assert_eq!(read("http://keycloak:8080", "http://127.0.0.1/certs"), refused(UrlError::Loopback));
        assert_eq!(read("http://keycloak:8080", "http://169.254.169.254/"), refused(UrlError::CloudMetadata));
        assert_eq!(read("https://keycloak:8443", "http://keycloak:8443/certs"), refused(UrlError::Scheme));
        assert_eq!(read("http://127.0.0.1:1", "http://h.example/jwks"), refused(UrlError::Scheme));
        for other in ["ftp://keycloak/", "file:///certs", "ws://keycloak/"] {
            assert_eq!(IssuerUrl::parse(other, Encryption::Optional).err(), Some(UrlError::Scheme), "{other}");
        }
    }

    /// Row I6.
    #[test]
    fn anything_else_is_no_metadata() {
        let issuer = parsed("https://h.example").unwrap();
        for text in ["", "<html>", "[]", "{}", r#"{"issuer":"https://h.example"}"#, r#"{"issuer":1,"jwks_uri":"x"}"#] {
            assert_eq!(
                issuer.url_named_by(text.as_bytes(), MetadataUrl::Jwks),
                Err(DiscoveryError::NotMetadata),
                "{text}"
            );
        }
    }
}
