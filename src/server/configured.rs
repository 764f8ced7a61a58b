use std::sync::Arc;

use super::builder::Builder;
use super::snapshot::Snapshot;
use crate::binding::dpop::KeptProofs;
use crate::keys::PendingLookups;
use crate::validation::TrustedIssuer;

/// A server with one configuration, and what it was built from.
pub(super) struct Configured {
    pub(super) server: Snapshot,
    pub(super) settings: Builder,
    /// The issuers of the settings, in the same order.
    pub(super) trusted: Vec<Arc<TrustedIssuer>>,
    /// The bounds on requests that wait, which kept keys share.
    pub(super) pending: PendingLookups,
    /// `None` if no configuration so far had DPoP.
    pub(super) proofs: Option<KeptProofs>,
}
