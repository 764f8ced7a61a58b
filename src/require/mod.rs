//! What an operation needs beyond a valid token.

mod acr_values;
mod claim;
mod claim_walk;
pub(crate) mod requirement;
mod rule;
mod shortfall;

pub use acr_values::{AcrValues, InvalidAcrValues, Levels};
pub use claim::{ClaimValue, InvalidPointer};
pub use shortfall::{Lack, Shortfall};
