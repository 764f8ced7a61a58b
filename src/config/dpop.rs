//! The settings of DPoP.

use std::time::Duration;

use super::algorithms;
use super::nonces::{self, NonceSettings};
use super::public_url;
use super::reader::{Node, Reader};
use crate::binding::dpop::Dpop;

/// `None` if they are no table.
pub(super) fn read(reader: &mut Reader, node: &Node) -> Option<Dpop> {
    let mut table = reader.table(node, "a table")?;
    let mut dpop = Dpop::at_url(public_url::read(reader, &mut table));
    let seconds = "an integer from 1 to 600 (seconds)";
    let window = table.get("window");
    let replay_window = table.get("insecure_accept_replay_within");
    let nonces = table.get("nonces").and_then(|node| nonces::read(reader, &node));
    if let Some(node) = &window {
        if replay_window.is_some() {
            reader.refuse(&node.path, "without effect, because insecure_accept_replay_within replaces the window");
        } else if nonces.as_ref().is_some_and(NonceSettings::ignore_issued_at) {
            let message =
                "without effect, because nonces alone decide; leave it out, or set nonces.issued_at_too to true";
            reader.refuse(&node.path, message);
        }
        if let Some(window) = reader.integer(node, seconds) {
            dpop = dpop.window(Duration::from_secs(window));
        }
    }
    if let Some(NonceSettings { nonces, issued_at_too }) = nonces {
        dpop = match &issued_at_too {
            Some((_, true)) => dpop.nonces_and_issued_at(nonces),
            _ => dpop.nonces(nonces),
        };
        if let Some((path, _)) = issued_at_too.filter(|_| replay_window.is_some()) {
            reader.refuse(&path, "without effect, because insecure_accept_replay_within always checks iat");
        }
    }
    if let Some(window) = replay_window.and_then(|node| reader.integer(&node, seconds)) {
        dpop = dpop.insecure_accept_replay_within(Duration::from_secs(window));
    }
    if table.get("required").and_then(|node| reader.boolean(&node, "true or false")) == Some(true) {
        dpop = dpop.required();
    }
    if let Some(node) = table.get("algorithms") {
        dpop = dpop.algorithms(algorithms::read(reader, &node));
    }
    table.finish(reader);
    Some(dpop)
}
