#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod connect_error;
mod connection;
mod memory_policy;
mod namespace;
mod race;
mod replay_store;
mod revocations;
mod time_limit;

pub use connect_error::ConnectError;
pub use replay_store::RedisReplayStore;
pub use revocations::RedisRevocations;
