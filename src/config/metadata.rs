//! The settings of the metadata document.

use super::reader::{Node, Reader};
use super::stand_in;
use crate::metadata::Metadata;

/// The type of a parameter's value (RFC 9728 §2).
#[derive(Clone, Copy)]
enum Kind {
    String,
    /// A string that may have a variant for each language (RFC 9728 §2.1).
    Localized,
    Strings,
    Boolean,
}

/// The parameters of RFC 9728 §2, except for `resource` and `scopes_supported`, which have methods with rules, and
/// `authorization_servers`, which follows from the issuers.
const PARAMETERS: [(&str, Kind); 12] = [
    ("resource_name", Kind::Localized),
    ("resource_documentation", Kind::Localized),
    ("resource_policy_uri", Kind::Localized),
    ("resource_tos_uri", Kind::Localized),
    ("jwks_uri", Kind::String),
    ("bearer_methods_supported", Kind::Strings),
    ("resource_signing_alg_values_supported", Kind::Strings),
    ("tls_client_certificate_bound_access_tokens", Kind::Boolean),
    ("authorization_details_types_supported", Kind::Strings),
    ("dpop_signing_alg_values_supported", Kind::Strings),
    ("dpop_bound_access_tokens_required", Kind::Boolean),
    ("signed_metadata", Kind::String),
];

/// The metadata, or `None` if the settings switch it off.
pub(super) fn read(reader: &mut Reader, node: &Node) -> Option<Metadata> {
    let Some(mut table) = node.table() else {
        let is_on = reader.boolean(node, "a table, true or false")?;
        return is_on.then(Metadata::new);
    };
    let mut metadata = Metadata::new();
    if let Some(resource) = table.get("resource").and_then(|node| reader.string(&node)) {
        metadata = metadata.resource(resource);
    }
    if let Some(node) = table.get("scopes_supported") {
        metadata = metadata.scopes_supported(reader.strings(&node, stand_in::NAME).into_iter().map(|(_, scope)| scope));
    }
    for (name, kind) in PARAMETERS {
        if let Some(node) = table.get(name) {
            metadata = with(reader, metadata, name, kind, &node);
        }
        if let Kind::Localized = kind {
            for (name, node) in table.in_languages(name) {
                metadata = with(reader, metadata, name, kind, &node);
            }
        }
    }
    table.finish(reader);
    Some(metadata)
}

fn with(reader: &mut Reader, metadata: Metadata, name: &str, kind: Kind, node: &Node) -> Metadata {
    match kind {
        Kind::String | Kind::Localized => match reader.string(node) {
            Some(text) => metadata.parameter(name, text),
            None => metadata,
        },
        Kind::Strings => {
            let strings = reader.strings(node, stand_in::NAME).into_iter().map(|(_, string)| string);
            metadata.parameter(name, strings.collect::<Vec<_>>())
        }
        Kind::Boolean => match reader.boolean(node, "true or false") {
            Some(boolean) => metadata.parameter(name, boolean),
            None => metadata,
        },
    }
}
