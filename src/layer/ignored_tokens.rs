use std::fmt;
use std::sync::Arc;

use crate::credentials::{Presented, is_b64token};
use crate::server::Snapshot;
use crate::validation::MAX_TOKEN_LENGTH;

/// The credentials that a layer leaves to the application, by their text.
#[derive(Clone)]
pub(super) struct IgnoredTokens(Arc<dyn Fn(&str) -> bool + Send + Sync>);

impl IgnoredTokens {
    pub(super) fn new(are_of_application: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(are_of_application))
    }

    /// These and others.
    pub(super) fn or(self, others: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self::new(move |text| (self.0)(text) || others(text))
    }

    /// Whether a credential is one of them. What validation refuses by its length or its characters is none, so that the application
    /// never sees more than a token could have. Neither is a JWT of an issuer that the `server` trusts.
    pub(super) fn contain(&self, presented: &Presented<'_>, server: &Snapshot) -> bool {
        let text = &*presented.token;
        text.len() <= MAX_TOKEN_LENGTH && is_b64token(text.as_bytes()) && (self.0)(text) && server.may_ignore(text)
    }
}

impl fmt::Debug for IgnoredTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IgnoredTokens").finish_non_exhaustive()
    }
}
