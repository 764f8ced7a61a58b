#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod connect_error;
mod connection;
mod memory_policy;
mod namespace;
mod replay_store;

pub use connect_error::ConnectError;
pub use replay_store::RedisReplayStore;
