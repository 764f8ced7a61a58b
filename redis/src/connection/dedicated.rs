use std::time::Duration;

use redis::{Cmd, Value};
use tokio::time::timeout;

use super::link_error::LinkError;
use super::server::Connection;

/// A connection that one task has for itself, so that a command of it may wait at Redis without holding up others.
///
/// It is not made again: after an error that is not about the command alone, drop it. That closes it, also while a command waits.
pub(crate) struct DedicatedConnection(pub(super) Connection);

impl DedicatedConnection {
    /// Sends the command once and returns the reply, or an error within `limit`.
    pub(crate) async fn send(&mut self, command: &Cmd, limit: Duration) -> Result<Value, LinkError> {
        match timeout(limit, self.0.send(command)).await {
            Ok(reply) => reply.map_err(LinkError::Command),
            Err(_) => Err(LinkError::TimedOut(limit)),
        }
    }
}
