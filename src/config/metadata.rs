//! What is set of the metadata document.

use super::reader::{Node, Reader};
use crate::metadata::Metadata;

/// What RFC 9728 §2 says that a parameter's value is.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    /// For people to read, so that there may be one in each language (RFC 9728 §2.1).
    Human,
    Texts,
    Switch,
}

/// The parameters of RFC 9728 §2 but for `resource` and `scopes_supported`, for which there are rules, and
/// `authorization_servers`, which follows from the issuers.
const PARAMETERS: [(&str, Kind); 12] = [
    ("resource_name", Kind::Human),
    ("resource_documentation", Kind::Human),
    ("resource_policy_uri", Kind::Human),
    ("resource_tos_uri", Kind::Human),
    ("jwks_uri", Kind::Text),
    ("bearer_methods_supported", Kind::Texts),
    ("resource_signing_alg_values_supported", Kind::Texts),
    ("tls_client_certificate_bound_access_tokens", Kind::Switch),
    ("authorization_details_types_supported", Kind::Texts),
    ("dpop_signing_alg_values_supported", Kind::Texts),
    ("dpop_bound_access_tokens_required", Kind::Switch),
    ("signed_metadata", Kind::Text),
];

/// `None` if there is to be none.
pub(super) fn read(reader: &mut Reader, node: &Node) -> Option<Metadata> {
    let Some(mut table) = node.table() else {
        let is_on = reader.switch(node, "a table, true or false")?;
        return is_on.then(Metadata::new);
    };
    let mut metadata = Metadata::new();
    if let Some(resource) = table.get("resource").and_then(|node| reader.text(&node)) {
        metadata = metadata.resource(resource);
    }
    if let Some(node) = table.get("scopes_supported") {
        metadata = metadata.scopes_supported(reader.texts(&node, "stand-in").into_iter().map(|(_, scope)| scope));
    }
    for (name, kind) in PARAMETERS {
        if let Some(node) = table.get(name) {
            metadata = with(reader, metadata, name, kind, &node);
        }
        if let Kind::Human = kind {
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
        Kind::Text | Kind::Human => match reader.text(node) {
            Some(text) => metadata.parameter(name, text),
            None => metadata,
        },
        Kind::Texts => {
            let texts = reader.texts(node, "stand-in").into_iter().map(|(_, text)| text);
            metadata.parameter(name, texts.collect::<Vec<_>>())
        }
        Kind::Switch => match reader.switch(node, "true or false") {
            Some(switch) => metadata.parameter(name, switch),
            None => metadata,
        },
    }
}
