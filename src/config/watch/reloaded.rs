use crate::server::Changes;

/// What a reload has changed. Issuers are named by their identifiers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reloaded {
    /// Issuers that were not trusted before.
    pub added: Vec<String>,
    /// Issuers whose tokens are validated anew, because their keys or rules are others, or a setting of the server that their tokens depend on.
    pub changed: Vec<String>,
    /// Issuers that are not trusted any more.
    pub removed: Vec<String>,
    /// The number of issuers for which nothing has changed.
    pub kept: usize,
    /// What of the configuration only a restart applies, one sentence each.
    pub needs_restart: Vec<String>,
}

impl Reloaded {
    pub(super) fn new(changes: Changes, needs_restart: Vec<String>) -> Self {
        let Changes { added, changed, removed, kept } = changes;
        Self { added, changed, removed, kept, needs_restart }
    }
}
