use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::snapshot::{Inner, Snapshot};
use crate::AccessToken;

/// What all clones of a server share: one configuration that never changes, or the newest one of a file.
#[derive(Clone)]
pub(crate) enum Handle {
    Fixed(Snapshot),
    #[cfg_attr(not(feature = "serde"), expect(dead_code, reason = "only a file is followed"))]
    Followed(Arc<ArcSwap<Inner>>),
}

impl Handle {
    /// The configuration that applies now.
    #[inline]
    pub(crate) fn current(&self) -> Cow<'_, Snapshot> {
        match self {
            Self::Fixed(snapshot) => Cow::Borrowed(snapshot),
            Self::Followed(newest) => Cow::Owned(Snapshot(newest.load_full())),
        }
    }

    /// The configuration for a request that begins now, if it has to be kept for it. If the request has come through another layer of
    /// this server, it is the one of that layer, `outer`.
    #[inline]
    pub(crate) fn pin(&self, outer: Option<Snapshot>) -> Option<Snapshot> {
        match self {
            Self::Fixed(_) => None,
            Self::Followed(newest) => Some(Self::pin_to(newest, outer)),
        }
    }

    fn pin_to(newest: &ArcSwap<Inner>, outer: Option<Snapshot>) -> Snapshot {
        let newest = Snapshot(newest.load_full());
        outer.filter(|outer| outer.identity() == newest.identity()).unwrap_or(newest)
    }

    /// The configuration of a request for which [`pin`](Self::pin) has returned `pinned`.
    #[inline]
    pub(crate) fn pinned<'a>(&'a self, pinned: Option<&'a Snapshot>) -> Cow<'a, Snapshot> {
        pinned.map_or_else(|| self.current(), Cow::Borrowed)
    }

    /// The configuration that replaces `before` for a request that has waited, and whose token `before` accepts: if its issuer was removed or
    /// changed meanwhile, the request begins again.
    pub(crate) fn successor(&self, before: &Snapshot, token: &AccessToken) -> Option<Snapshot> {
        let Self::Followed(newest) = self else { return None };
        let newest = Snapshot(newest.load_full());
        let is_same = Arc::ptr_eq(&newest.0, &before.0) || newest.trusts_alike(before, token);
        (!is_same).then_some(newest)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = self.current();
        let policies: Vec<_> = server.0.validator.issuers.iter().map(|issuer| &issuer.policy).collect();
        f.debug_struct("ResourceServer").field("trusted", &policies).finish_non_exhaustive()
    }
}
