use crate::Scope;

/// What a token lacks for an operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operation needs the scope {:?}", scope.as_str())]
pub struct Shortfall {
    pub(super) scope: Scope,
}

impl Shortfall {
    /// All that the operation needs, not only what the token lacks: a client asks for it as it stands (RFC 6750 §3.1).
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }
}
