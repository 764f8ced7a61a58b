//! The settings of mutual TLS.

use http::HeaderName;

use super::nonces::text_of;
use super::path::Path;
use super::public_url::{header, networks};
use super::reader::{Node, Reader, Table};
use super::stand_in;
use crate::binding::certificate::{CertificateHeader, ClientCertificates, InvalidProxies, TrustedProxies};

/// Where certificates come from, by the names of the constructors.
const SOURCES: [(&str, From); 4] = [
    ("connection", From::Connection),
    ("client_cert", From::ClientCert),
    ("x_forwarded_client_cert", From::XForwardedClientCert),
    ("escaped_pem", From::EscapedPem),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Connection,
    ClientCert,
    XForwardedClientCert,
    EscapedPem,
}

/// `None` if the settings switch it off, or there is a problem.
pub(super) fn read(reader: &mut Reader, node: &Node) -> Option<ClientCertificates> {
    let Some(mut table) = node.table() else {
        let is_on = reader.boolean(node, "a table, true or false")?;
        return is_on.then(ClientCertificates::from_connection);
    };
    let from = table.require(reader, "from", "where certificates come from");
    let from = from.and_then(|node| reader.one_of(&node, &SOURCES));
    let name = table.get("header");
    let proxies = ProxySettings::of(&mut table);
    let certificates = match from {
        Some(From::Connection) => {
            for node in name.iter().chain(proxies.all()) {
                reader.refuse(&node.path, "without effect, because no header is read with from = \"connection\"");
            }
            Some(ClientCertificates::from_connection())
        }
        Some(from) => of_header(reader, &table, from, name, proxies),
        None => None,
    };
    let certificates = with_requirement(reader, &mut table, certificates);
    table.finish(reader);
    certificates
}

fn with_requirement(
    reader: &mut Reader,
    table: &mut Table,
    certificates: Option<ClientCertificates>,
) -> Option<ClientCertificates> {
    let mut is_set =
        |name| table.get(name).map(|node| (reader.boolean(&node, "true or false") == Some(true), node.path));
    let (required, unless_dpop) = (is_set("required"), is_set("required_unless_dpop"));
    match (required, unless_dpop) {
        (Some((true, _)), Some((true, path))) => {
            reader.refuse(&path, "without effect, because required is stricter");
            certificates
        }
        (Some((true, _)), _) => certificates.map(ClientCertificates::required),
        (_, Some((true, _))) => certificates.map(ClientCertificates::required_unless_dpop),
        _ => certificates,
    }
}

fn of_header(
    reader: &mut Reader,
    table: &Table,
    from: From,
    name: Option<Node>,
    proxies: ProxySettings,
) -> Option<ClientCertificates> {
    let proxies = proxies.read(reader, table);
    let name = match (name, from) {
        (None, From::EscapedPem) => {
            reader.refuse(&table.path().name("header"), "missing setting, expected the name of the header");
            None
        }
        (Some(node), From::EscapedPem) => header(reader, &node),
        (Some(node), _) => {
            reader.refuse(&node.path, "without effect, because the header of this form has a fixed name");
            None
        }
        (None, _) => None,
    };
    let header = match from {
        From::EscapedPem => CertificateHeader::escaped_pem(name?, proxies?),
        From::XForwardedClientCert => CertificateHeader::x_forwarded_client_cert(proxies?),
        From::ClientCert | From::Connection => CertificateHeader::client_cert(proxies?),
    };
    Some(ClientCertificates::from_header(header))
}

/// The settings by which a proxy is recognized.
struct ProxySettings<'t> {
    networks: Option<Node<'t>>,
    secret_header: Option<Node<'t>>,
    secret: Option<Node<'t>>,
    secret_file: Option<Node<'t>>,
}

impl<'t> ProxySettings<'t> {
    fn of(table: &mut Table<'t>) -> Self {
        Self {
            networks: table.get("trusted_proxies"),
            secret_header: table.get("secret_header"),
            secret: table.get("secret"),
            secret_file: table.get("secret_file"),
        }
    }

    fn all(&self) -> impl Iterator<Item = &Node<'t>> {
        [&self.networks, &self.secret_header, &self.secret, &self.secret_file].into_iter().flatten()
    }

    /// `None` after a problem.
    fn read(self, reader: &mut Reader, table: &Table) -> Option<TrustedProxies> {
        let Self { networks: by_address, secret_header, secret, secret_file } = self;
        match (&by_address, &secret_header) {
            (Some(_), Some(node)) => {
                reader.refuse(&node.path, "expected either trusted_proxies or secret_header, found both");
            }
            (None, None) => {
                reader.refuse(
                    table.path(),
                    "expected trusted_proxies or secret_header, found neither: anybody can write the header",
                );
            }
            _ => {}
        }
        if secret_header.is_none() {
            for node in secret.iter().chain(&secret_file) {
                reader.refuse(&node.path, "without effect, expected secret_header too");
            }
        }
        if let Some(node) = by_address {
            return TrustedProxies::at(networks(reader, &node)).ok();
        }
        let node = secret_header?;
        let name = header(reader, &node);
        let secret = secret_of(reader, &node.path, secret, secret_file);
        let (path, secret) = secret?;
        reader.accept(&path, made(name, &secret))
    }
}

/// The secret is judged even if the name of its header is not acceptable.
fn made(name: Option<HeaderName>, secret: &str) -> Result<TrustedProxies, InvalidProxies> {
    let name = name.unwrap_or(HeaderName::from_static(stand_in::NAME));
    TrustedProxies::with_secret(name, secret)
}

/// The secret and the place where it is set. No problem shows it, nor the path of its file, which may be the secret itself.
fn secret_of(reader: &mut Reader, header: &Path, secret: Option<Node>, file: Option<Node>) -> Option<(Path, String)> {
    match (secret, file) {
        (Some(node), file) => {
            if let Some(file) = file {
                reader.refuse(&file.path, "expected either secret or secret_file, found both");
            }
            Some((node.path.clone(), reader.secret(&node)?.to_owned()))
        }
        (None, Some(node)) => {
            let text =
                text_of(reader.secret(&node)?).map_err(|error| format!("expected a file that can be read: {error}"));
            let text = reader.accept(&node.path, text)?;
            let text = std::str::from_utf8(text.trim_ascii()).map_err(|_| InvalidProxies::SecretCharacter);
            Some((node.path.clone(), reader.accept(&node.path, text)?.to_owned()))
        }
        (None, None) => {
            reader.refuse(header, "expected secret or secret_file too, found neither");
            None
        }
    }
}
