use std::sync::Arc;
use std::time::Duration;

use redis::RedisError;
use tokio::task::JoinError;

/// Why a command has no reply.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("there is no connection to Redis: {0}")]
    Connect(RedisError),
    #[error("the attempt to connect to Redis has ended early")]
    Cancelled(#[source] Arc<JoinError>),
    #[error("expected a reply from Redis within {} ms, and found none", .0.as_millis())]
    TimedOut(Duration),
    #[error("Redis has not executed the command, or its reply was lost: {0}")]
    Command(RedisError),
}
