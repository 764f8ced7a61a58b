use crate::server::Changes;

/// What a reload has changed. Issuers are named by their identifiers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reloaded {
    /// Issuers that were not trusted before.
    pub added: Vec<String>,
    /// Issuers whose tokens are validated again, because their keys or rules, or a server setting that their tokens depend on, have changed.
    pub changed: Vec<String>,
    /// Issuers that are no longer trusted.
    pub removed: Vec<String>,
    /// The number of issuers for which nothing has changed.
    pub kept: usize,
    /// The changes that only a restart applies, one sentence each.
    pub needs_restart: Vec<String>,
}

impl Reloaded {
    pub(super) fn new(changes: Changes, needs_restart: Vec<String>) -> Self {
        let Changes { added, changed, removed, kept } = changes;
        Self { added, changed, removed, kept, needs_restart }
    }
}
