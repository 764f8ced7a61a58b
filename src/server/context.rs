use http::Extensions;

use super::snapshot::Snapshot;
use crate::{AccessToken, Require};

/// What the protecting layer stores in a request for inner layers and extractors. Its type is private, so no other code can
/// store one.
#[derive(Clone)]
pub(crate) struct Context {
    server: Snapshot,
    basis: Basis,
}

/// Why the request has passed the layer.
#[derive(Clone)]
enum Basis {
    Token {
        token: AccessToken,
        /// The requirement of the layer, which the token satisfies.
        satisfied: Option<Require>,
    },
    /// An extension that satisfies the requirement of the layer in place of a token.
    Extension,
    /// It has no credentials, and that is allowed.
    Anonymous,
}

/// The access that the protecting layer has granted to a request.
pub(crate) enum Access<'a> {
    /// The request has a valid token, which satisfies the requirement of the layer, if there is one.
    Granted { server: &'a Snapshot, token: &'a AccessToken, satisfied: Option<&'a Require> },
    /// The layer ignores the credential of the request, and an extension satisfies its requirement. There is no token.
    ByExtension(&'a Snapshot),
    /// The request has no credentials, and that is allowed.
    Anonymous(&'a Snapshot),
    /// No layer has checked the request.
    Unprotected,
}

impl Context {
    pub(crate) fn access(extensions: &Extensions) -> Access<'_> {
        match extensions.get::<Self>() {
            Some(Self { server, basis: Basis::Token { token, satisfied } }) => {
                Access::Granted { server, token, satisfied: satisfied.as_ref() }
            }
            Some(Self { server, basis: Basis::Extension }) => Access::ByExtension(server),
            Some(Self { server, basis: Basis::Anonymous }) => Access::Anonymous(server),
            None => Access::Unprotected,
        }
    }

    /// Removes whatever an outer layer has stored in the request, and returns its server.
    pub(crate) fn clear(extensions: &mut Extensions) -> Option<Snapshot> {
        let outer = extensions.remove::<Self>().map(|Self { server, basis }| {
            basis.clear_tenant(extensions);
            server
        });
        if let Some(claims) = outer.as_ref().and_then(Snapshot::claims_extension) {
            (claims.remove)(extensions);
        }
        extensions.remove::<AccessToken>();
        outer
    }

    /// `satisfied` is the requirement of the layer.
    pub(crate) fn grant(server: Snapshot, token: AccessToken, satisfied: Option<Require>, extensions: &mut Extensions) {
        if let (Some(claims), Some(parsed)) = (server.claims_extension(), token.parsed_claims()) {
            (claims.insert)(parsed, extensions);
        }
        #[cfg(feature = "tenants")]
        if let Some(value) = token.tenant() {
            value.insert_into(extensions);
        }
        extensions.insert(token.clone());
        extensions.insert(Self { server, basis: Basis::Token { token, satisfied } });
    }

    pub(crate) fn grant_by_extension(server: Snapshot, extensions: &mut Extensions) {
        extensions.insert(Self { server, basis: Basis::Extension });
    }

    pub(crate) fn anonymous(server: Snapshot, extensions: &mut Extensions) {
        extensions.insert(Self { server, basis: Basis::Anonymous });
    }
}

impl Basis {
    /// Removes the value of the tenant, which an outer layer has stored.
    #[cfg_attr(not(feature = "tenants"), expect(clippy::unused_self, reason = "only tenants have values"))]
    fn clear_tenant(&self, #[cfg_attr(not(feature = "tenants"), expect(unused))] extensions: &mut Extensions) {
        #[cfg(feature = "tenants")]
        if let Self::Token { token, .. } = self
            && let Some(value) = token.tenant()
        {
            value.remove_from(extensions);
        }
    }
}
