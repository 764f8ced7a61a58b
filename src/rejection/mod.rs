//! What a refused client gets.

mod grpc;
mod kind;
mod problem;
pub(crate) mod refusal;
mod respond;

pub use grpc::Grpc;
pub use kind::RejectionKind;
pub use problem::Problem;
pub use respond::{Empty, Respond};

pub(crate) use refusal::Unrendered;
pub(crate) use respond::Caller;
