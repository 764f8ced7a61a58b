//! One connection to a server or a cluster, which is reopened when it is lost, and connections that only one task
//! uses.

mod dedicated;
mod link;
mod link_error;
mod reply_kind;
mod server;

pub(crate) use dedicated::DedicatedConnection;
pub(crate) use link::Link;
pub(crate) use link_error::LinkError;
pub(crate) use reply_kind::kind_of;
pub(crate) use server::Server;
