//! What a refused client gets.

mod grpc;
mod problem;
mod protocol;
mod refusal;
#[expect(clippy::module_inception, reason = "a file is named for its main type")]
pub(crate) mod rejection;
mod rejection_kind;
mod respond;

pub use grpc::Grpc;
pub use problem::Problem;
pub use protocol::Caller;
pub use refusal::Refusal;
pub use rejection_kind::RejectionKind;
pub use respond::{Empty, RejectionContext, Respond, from_fn};

pub(crate) use protocol::{GrpcForm, Protocol};
pub(crate) use rejection::Unrendered;
pub(crate) use respond::respond;
