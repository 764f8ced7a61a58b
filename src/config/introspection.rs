//! The settings of introspection.

use std::time::Duration;

use super::client_authentication;
use super::path::Path;
use super::reader::{Node, Reader, Table};
use super::shown::shown;
use super::stand_in;
use crate::Issuer;
use crate::introspection::{ClientAuthentication, Introspection};
use crate::server::ConfigError;

/// The settings of an issuer that are about its keys.
const OF_KEYS: [&str; 4] = ["jwks_url", "jwks_file", "persist_keys", "algorithms"];

/// The issuer with introspection. `beside` has the other settings of the issuer, whose identifier is `None` if they have a problem.
pub(super) fn read(
    reader: &mut Reader,
    node: &Node,
    beside: &Table,
    identifier: Option<&str>,
    issuer: Issuer,
) -> Issuer {
    let Some(mut table) = node.table() else {
        // The value may be a secret in the wrong place.
        reader.expect_secret(node, "a table");
        return issuer;
    };
    let endpoint = table.get("endpoint");
    let authentication = client_authentication::read(reader, &mut table);
    let introspection = match endpoint {
        Some(node) => at(reader, &node, identifier.unwrap_or(issuer.identities.name()), authentication),
        None => discovered(reader, table.path(), identifier, &issuer, authentication),
    };
    let introspection = introspection.unwrap_or_else(|| stand_in::introspection(&issuer));
    let introspection = with_limits(reader, &mut table, introspection);
    let introspection = with_rules(reader, &mut table, &issuer, introspection);
    let signed_answers = table.get("signed_answers").map(|node| reader.boolean(&node, "true or false"));
    table.finish(reader);
    issuer.introspect(match signed_answers {
        Some(Some(true)) => introspection.signed_answers(),
        // What cannot be read is one problem, and causes no other.
        Some(None) => introspection,
        Some(Some(false)) | None => {
            refuse_keys(reader, beside, identifier);
            introspection
        }
    })
}

fn at(
    reader: &mut Reader,
    node: &Node,
    identifier: &str,
    authentication: ClientAuthentication,
) -> Option<Introspection> {
    let url = reader.string(node)?;
    reader.accept(&node.path, ConfigError::check_text("introspection endpoint", url))?;
    let refused = |reason| format!("the introspection endpoint {:?} cannot be asked: {reason}", shown(url));
    reader.accept(&node.path, Introspection::at(url, identifier, authentication).map_err(refused))
}

/// At the endpoint that the metadata of the issuer names. `path` is that of the table.
fn discovered(
    reader: &mut Reader,
    path: &Path,
    identifier: Option<&str>,
    issuer: &Issuer,
    authentication: ClientAuthentication,
) -> Option<Introspection> {
    // The issuer itself is the problem, which is found when the server is built.
    let identifier = identifier.filter(|_| !issuer.identities.are_listed())?;
    let reason = match Introspection::discover(identifier, authentication) {
        Ok(introspection) => return Some(introspection),
        Err(reason) => reason,
    };
    let message = format!(
        "missing setting, expected the URL of the endpoint, because the issuer {:?} cannot be discovered: {reason}",
        shown(identifier)
    );
    reader.refuse(&path.name("endpoint"), message);
    None
}

fn with_limits(reader: &mut Reader, table: &mut Table, mut introspection: Introspection) -> Introspection {
    let mut integer = |name, expected| {
        let node = table.get(name)?;
        Some((reader.integer(&node, expected)?, node.path))
    };
    let lifetime = integer("lifetime", "an integer from 0 to 600 (seconds)");
    let memory = integer("memory", "a non-negative integer (bytes)");
    let at_once = integer("concurrent_requests", "an integer from 1 to 1024");
    if let Some((_, path)) = memory.as_ref().filter(|_| matches!(lifetime, Some((0, _)))) {
        reader.refuse(path, "without effect, because with a lifetime of 0 no answer is kept");
    }
    if let Some((seconds, _)) = lifetime {
        introspection = introspection.lifetime(Duration::from_secs(seconds));
    }
    if let Some((bytes, _)) = memory {
        introspection = introspection.memory(bytes);
    }
    if let Some((at_once, _)) = at_once {
        introspection = introspection.concurrent_requests(usize::try_from(at_once).unwrap_or(usize::MAX));
    }
    introspection
}

fn with_rules(
    reader: &mut Reader,
    table: &mut Table,
    issuer: &Issuer,
    mut introspection: Introspection,
) -> Introspection {
    if let Some(node) = table.get("audience_checked_by_issuer")
        && reader.boolean(&node, "true or false") == Some(true)
    {
        if issuer.clients.is_some() {
            let message = "without effect, because tokens that are identified by their client need no audience";
            reader.refuse(&node.path, message);
        }
        introspection = introspection.audience_checked_by_issuer();
    }
    let Some(node) = table.get("token_prefixes") else { return introspection };
    let prefixes = reader.strings(&node, stand_in::NAME);
    if prefixes.is_empty() {
        let message = "expected at least one prefix, found an empty list; leave the setting out for tokens of any form";
        reader.refuse(&node.path, message);
    }
    prefixes.into_iter().fold(introspection, |introspection, (_, prefix)| introspection.token_prefix(prefix))
}

/// Refuses settings about keys that nothing uses.
fn refuse_keys(reader: &mut Reader, beside: &Table, identifier: Option<&str>) {
    // Without a location of keys there is no issuer whose identifier is no URL.
    let is_url = identifier.is_some_and(|identifier| Issuer::discover(identifier).is_ok());
    for name in OF_KEYS {
        if beside.has(name) && (is_url || !name.starts_with("jwks_")) {
            let message = "without effect, because the issuer is asked about its tokens, and no signature is verified; \
                           expected introspection.signed_answers = true too";
            reader.refuse(&beside.path().name(name), message);
        }
    }
}
