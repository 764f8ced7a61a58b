use std::collections::HashSet;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::builder::Builder;
use super::configured::Configured;
use super::handle::Handle;
use super::resource_server::ResourceServer;
use super::snapshot::Inner;
use crate::issuer::ConfigError;
use crate::validation::TrustedIssuer;

/// A server whose configuration is replaced while it runs. All its handles, and the layers that they made, follow.
pub(crate) struct Reloadable {
    newest: Arc<ArcSwap<Inner>>,
    configured: Configured,
}

/// How the issuers of a new configuration differ from those before, by their identifiers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// They were not trusted before.
    pub(crate) added: Vec<String>,
    /// Their tokens are validated anew, because their keys or rules have changed.
    pub(crate) changed: Vec<String>,
    /// They are not trusted any more.
    pub(crate) removed: Vec<String>,
    /// The number of those for which nothing has changed.
    pub(crate) kept: usize,
}

impl Reloadable {
    pub(crate) fn build(settings: Builder) -> Result<Self, ConfigError> {
        let configured = settings.configure(None)?;
        Ok(Self { newest: Arc::new(ArcSwap::new(Arc::clone(&configured.server.0))), configured })
    }

    pub(crate) fn server(&self) -> ResourceServer {
        ResourceServer(Handle::Followed(Arc::clone(&self.newest)))
    }

    /// Replaces the configuration for all requests that begin from now on. What has not changed is kept. If the settings are not
    /// acceptable, nothing changes.
    pub(crate) fn replace(&mut self, settings: Builder) -> Result<Changes, ConfigError> {
        let next = settings.configure(Some(&self.configured))?;
        let changes = Changes::between(&self.configured.trusted, &next.trusted);
        self.newest.store(Arc::clone(&next.server.0));
        self.configured = next;
        Ok(changes)
    }
}

impl Changes {
    fn between(old: &[Arc<TrustedIssuer>], new: &[Arc<TrustedIssuer>]) -> Self {
        let (old_names, new_names) = (names(old), names(new));
        let old_ones: HashSet<_> = old.iter().map(Arc::as_ptr).collect();
        let (kept, others): (Vec<_>, Vec<_>) = new.iter().partition(|issuer| old_ones.contains(&Arc::as_ptr(issuer)));
        let name = |issuer: &Arc<TrustedIssuer>| issuer.policy.issuer.name().to_owned();
        let (changed, added) = others.into_iter().map(name).partition(|name| old_names.contains(&**name));
        let removed = old.iter().map(name).filter(|name| !new_names.contains(&**name)).collect();
        Self { added, changed, removed, kept: kept.len() }
    }
}

fn names(issuers: &[Arc<TrustedIssuer>]) -> HashSet<&str> {
    issuers.iter().map(|issuer| issuer.policy.issuer.name()).collect()
}
