//! What an operation needs beyond a valid token.

mod acr_values;
mod actors;
mod claim;
mod claim_answers;
mod claim_search;
mod claim_walk;
mod conditions;
mod constructors;
mod extension_rule;
mod grants;
mod invalid_requirement;
mod levels;
mod names;
pub(crate) mod requirement;
mod role_rule;
mod rule;
mod shortfall;

pub use crate::token::InvalidPointer;
pub use acr_values::{AcrValues, InvalidAcrValues};
pub use actors::Actors;
pub use claim::ClaimValue;
pub use invalid_requirement::InvalidRequirement;
pub use levels::{InvalidLevels, Levels};
pub use shortfall::{Lack, Shortfall};
