//! What a refused client gets.

mod kind;
pub(crate) mod refusal;
mod respond;

pub use kind::RejectionKind;
pub use respond::{Empty, Respond};

pub(crate) use refusal::Unrendered;
