//! What an operation needs beyond a valid token.

pub(crate) mod requirement;
mod shortfall;

pub use shortfall::Shortfall;
