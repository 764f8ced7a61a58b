//! How this server authenticates to the introspection endpoint.

use std::fs::File;
use std::io::{self, Read};

use super::algorithms;
use super::reader::{Node, Reader, Table};
use super::stand_in;
use crate::introspection::{ClientAuthentication, PrivateKey, Secret};
use crate::server::ConfigError;

/// The maximum size of a file with a private key: many times that of a key, so that a wrong path does not read a log.
const MAX_KEY_FILE: u64 = 64 * 1024;

/// Appended to an error if the configuration asks for mutual TLS.
const MUTUAL_TLS: &str = "; mutual TLS needs an HTTP client with a certificate, which is set in code";

/// What the server authenticates with. `None` if it cannot be read.
enum Credential {
    Secret(Option<Secret>),
    Key(Option<PrivateKey>),
}

#[derive(Clone, Copy)]
enum Method {
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
}

/// The authentication, or a stand-in after a problem.
pub(super) fn read(reader: &mut Reader, table: &mut Table) -> ClientAuthentication {
    let client_id = table.require(reader, "client_id", "the identifier of this server at the issuer");
    let client_id = client_id.and_then(|node| client_id_of(reader, &node));
    let credential = credential(reader, table);
    let made = match table.get("method") {
        None => {
            if credential.is_none() {
                refuse_none(reader, table);
            }
            make(client_id, credential, None)
        }
        Some(node) => method_of(reader, &node).and_then(|method| {
            match (&credential, method) {
                (None, _) => refuse_none(reader, table),
                (Some(Credential::Secret(_)), Method::PrivateKeyJwt) => {
                    let message =
                        "expected client_secret_basic or client_secret_post for a secret, or private_key_file instead";
                    reader.refuse(&node.path, message);
                }
                (Some(Credential::Key(_)), Method::ClientSecretBasic | Method::ClientSecretPost) => {
                    let message = "expected private_key_jwt for private_key_file, or a secret instead";
                    reader.refuse(&node.path, message);
                }
                _ => {}
            }
            make(client_id, credential, Some(method))
        }),
    };
    made.unwrap_or_else(stand_in::client_authentication)
}

/// `None` after a problem.
fn make(
    client_id: Option<&str>,
    credential: Option<Credential>,
    method: Option<Method>,
) -> Option<ClientAuthentication> {
    let made = match (credential?, method) {
        (Credential::Secret(secret), Some(Method::ClientSecretPost)) => {
            ClientAuthentication::client_secret_post(client_id?, secret?)
        }
        (Credential::Secret(secret), _) => ClientAuthentication::client_secret_basic(client_id?, secret?),
        (Credential::Key(key), _) => ClientAuthentication::private_key_jwt(client_id?, key?),
    };
    made.ok()
}

fn refuse_none(reader: &mut Reader, table: &Table) {
    let expected = "expected one of client_secret, client_secret_file and private_key_file, found none";
    reader.refuse(table.path(), format_args!("{expected}{MUTUAL_TLS}"));
}

fn client_id_of<'t>(reader: &mut Reader, node: &Node<'t>) -> Option<&'t str> {
    let id = reader.string(node)?;
    // Every method has the same rules for it.
    reader.accept(&node.path, ClientAuthentication::tls_client_auth(id))?;
    Some(id)
}

fn method_of(reader: &mut Reader, node: &Node) -> Option<Method> {
    let methods = [
        ("client_secret_basic", Method::ClientSecretBasic),
        ("client_secret_post", Method::ClientSecretPost),
        ("private_key_jwt", Method::PrivateKeyJwt),
    ];
    let hint = |name: &str| {
        let is_mutual_tls = matches!(name, "tls_client_auth" | "self_signed_tls_client_auth");
        is_mutual_tls.then(|| MUTUAL_TLS.to_owned())
    };
    reader.one_of_or(node, &methods, hint)
}

/// `None` if there is none, which is no problem yet.
fn credential(reader: &mut Reader, table: &mut Table) -> Option<Credential> {
    let given = ["client_secret", "client_secret_file", "private_key_file"].map(|name| table.get(name));
    let of_key = ["key_id", "algorithm"].map(|name| table.get(name));
    for node in given.iter().flatten().skip(1) {
        let message = "expected one of client_secret, client_secret_file and private_key_file, found several";
        reader.refuse(&node.path, message);
    }
    let is_secret = given[..2].iter().any(Option::is_some);
    let [text, file, key] = given;
    if is_secret && key.is_none() {
        for node in of_key.iter().flatten() {
            reader.refuse(&node.path, "without effect, expected private_key_file too");
        }
    }
    Some(match (text, file, key) {
        (Some(node), ..) => Credential::Secret(secret_of_text(reader, &node)),
        (None, Some(node), _) => Credential::Secret(secret_of_file(reader, &node)),
        (None, None, node) => Credential::Key(private_key(reader, &node?, of_key)),
    })
}

fn secret_of_text(reader: &mut Reader, node: &Node) -> Option<Secret> {
    let text = reader.secret(node)?;
    reader.accept(&node.path, Secret::new(text))
}

/// A problem does not show the path either, because it may be a secret that was meant for `client_secret`.
fn secret_of_file(reader: &mut Reader, node: &Node) -> Option<Secret> {
    let path = reader.secret(node)?;
    let secret = Secret::from_file(path);
    reader.accept(&node.path, secret.map_err(|error| error.without_path()))
}

/// The key of a file, with the settings `key_id` and `algorithm`.
fn private_key(reader: &mut Reader, node: &Node, [key_id, algorithm]: [Option<Node>; 2]) -> Option<PrivateKey> {
    let path = reader.secret(node)?;
    let key = text_of(path).map_err(|error| format!("expected a file that can be read: {error}"));
    let key = reader.accept(&node.path, key).and_then(|text| {
        let is_jwk = text.trim_ascii_start().starts_with('{');
        let key = if is_jwk { PrivateKey::from_jwk(&text) } else { PrivateKey::from_pem(&text) };
        reader.accept(&node.path, key)
    });
    let key_id = key_id.and_then(|node| {
        let id = reader.string(&node)?;
        reader.accept(&node.path, ConfigError::check_text("key ID", id)).map(|()| id)
    });
    let algorithm = algorithm.and_then(|node| {
        let name = reader.string(&node)?;
        Some((algorithms::known(reader, &node.path, name)?, node.path))
    });
    let key = match algorithm {
        Some((algorithm, path)) => reader.accept(&path, key?.algorithm(algorithm))?,
        None => key?,
    };
    Some(match key_id {
        Some(id) => key.key_id(id),
        None => key,
    })
}

fn text_of(path: &str) -> io::Result<String> {
    let mut text = String::new();
    let length = File::open(path)?.take(MAX_KEY_FILE + 1).read_to_string(&mut text)?;
    if length as u64 > MAX_KEY_FILE {
        Err(io::Error::other(format!("it has more than {MAX_KEY_FILE} bytes")))
    } else {
        Ok(text)
    }
}
