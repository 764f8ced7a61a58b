//! Like `introspection.rs`, but without the feature `introspection`: no issuer is introspected.

use super::reader::{Node, Reader, Table};
use crate::Issuer;

pub(super) fn read(reader: &mut Reader, node: &Node, _: &Table, _: Option<&str>, issuer: Issuer) -> Issuer {
    reader.refuse(&node.path, "the feature introspection is off, so an issuer cannot be asked about its tokens");
    issuer
}
