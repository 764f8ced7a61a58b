use std::sync::Arc;

use crate::clock::Clock;
use crate::token::ServerIdentity;
use crate::token::claims::ParseClaims;

/// What an accepted token takes from the server that validates it.
#[derive(Clone)]
pub(crate) struct ServerContext {
    pub(crate) identity: ServerIdentity,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) parse_claims: Option<ParseClaims>,
}
