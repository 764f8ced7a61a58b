//! Revocations in a Redis stream that every process appends to and follows.

mod entry_id;
mod extent;
mod follow_task;
mod recent_appends;
mod redis_revocations;
mod stream;
mod stream_error;

pub use redis_revocations::RedisRevocations;
