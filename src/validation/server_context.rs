use std::sync::Arc;

use crate::Scope;
use crate::clock::Clock;
use crate::revocation::RevocationTable;
use crate::token::claims::ParseClaims;
use crate::token::{ImpliedScopes, ServerIdentity};

/// What an accepted token takes from the server that validates it.
#[derive(Clone)]
pub(crate) struct ServerContext {
    pub(crate) identity: ServerIdentity,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) parse_claims: Option<ParseClaims>,
    /// `None` if no scope implies another.
    pub(crate) implied_scopes: Option<Arc<ImpliedScopes>>,
    pub(crate) revocations: Option<Arc<RevocationTable>>,
}

impl ServerContext {
    /// What a token grants if its issuer has granted `scope`.
    pub(super) fn all_granted(&self, scope: Scope) -> Scope {
        match &self.implied_scopes {
            Some(implied) => implied.expand(scope),
            None => scope,
        }
    }
}
