//! Lists of algorithms.

use super::nearest::nearest;
use super::path::Path;
use super::reader::{Node, Reader};
use crate::jose::{Algorithm, UnknownAlgorithm};
use crate::redact;

/// The algorithms of a list, with a stand-in in the place of each that is unknown.
pub(super) fn read(reader: &mut Reader, node: &Node) -> Vec<Algorithm> {
    let names = reader.strings(node, Algorithm::ES256.name());
    names.iter().map(|(path, name)| known(reader, path, name).unwrap_or(Algorithm::ES256)).collect()
}

/// The algorithm with this name. `None` if it is unknown, which is a problem at `path`.
pub(super) fn known(reader: &mut Reader, path: &Path, name: &str) -> Option<Algorithm> {
    let refuse = |unknown: UnknownAlgorithm| {
        let is_like = |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        let hint = if is_like("none") {
            "; a token without a signature can be written by anyone".to_owned()
        } else if is_like("HS") {
            "; anyone with the secret that verifies an HMAC can also create tokens".to_owned()
        } else {
            let meant = nearest(name, Algorithm::ALL.iter().map(|known| known.name()));
            meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default()
        };
        reader.refuse(path, format_args!("{unknown}{hint}"));
    };
    redact::url(name).parse().map_err(refuse).ok()
}
