//! One connection to a server or a cluster, which is made again when it is lost.

mod link;
mod link_error;
mod server;

pub(crate) use link::Link;
pub(crate) use link_error::LinkError;
pub(crate) use server::Server;
