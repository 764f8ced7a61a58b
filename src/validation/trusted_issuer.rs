#[cfg(feature = "introspection")]
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
#[cfg(feature = "tenants")]
use std::time::Instant;

#[cfg(feature = "introspection")]
use super::introspection::Introspector;
use super::policy::Policy;
#[cfg(feature = "tenants")]
use super::tenancy::{Standing, Tenancy};
use crate::keys::KeyStore;
#[cfg(feature = "tenants")]
use crate::token::TenantValue;

/// One issuer that a server trusts: the rules for its tokens, and how they are validated. No rule or key of one issuer is used
/// for another's tokens.
pub(crate) struct TrustedIssuer {
    pub(crate) generation: IssuerGeneration,
    pub(crate) policy: Policy,
    pub(crate) method: Method,
    /// `None` for an issuer that the server was built with.
    #[cfg(feature = "tenants")]
    pub(crate) tenancy: Option<Tenancy>,
}

/// How the tokens of an issuer are validated.
pub(crate) enum Method {
    /// They are JWTs, and these are the issuer's keys.
    Jwt(KeyStore),
    /// By asking the issuer (RFC 7662), whose keys sign its answers, if there are any.
    #[cfg(feature = "introspection")]
    Introspection(Arc<Introspector>, Option<KeyStore>),
}

/// Identifies one configuration of an issuer among all in this process: a number that is never given twice.
///
/// A cached token names the generation of the issuer that validated it. It is validated anew once that generation is no longer in
/// the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IssuerGeneration(u64);

impl IssuerGeneration {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// How many were given from `first` to this one; `None` if this one is older.
    pub(crate) fn since(self, first: Self) -> Option<usize> {
        self.0.checked_sub(first.0).and_then(|since| usize::try_from(since).ok())
    }
}

impl TrustedIssuer {
    pub(crate) fn new(policy: Policy, method: Method) -> Self {
        Self {
            generation: IssuerGeneration::next(),
            policy,
            method,
            #[cfg(feature = "tenants")]
            tenancy: None,
        }
    }

    /// The same issuer as a tenant, of whom no token was accepted yet.
    #[cfg(feature = "tenants")]
    pub(crate) fn into_tenant(self, value: Option<TenantValue>, now: Instant) -> Self {
        let method = match self.method {
            Method::Jwt(keys) => Method::Jwt(keys.of_tenant()),
            #[cfg(feature = "introspection")]
            other @ Method::Introspection(..) => other,
        };
        Self { method, tenancy: Some(Tenancy::new(value, now)), ..self }
    }

    /// The tenant has left the table: its keys are refreshed no more.
    #[cfg(feature = "tenants")]
    pub(crate) fn end_tenancy(&self) {
        if let Some(tenancy) = &self.tenancy {
            tenancy.set_standing(Standing::Ended);
        }
        if let Some(keys) = self.keys() {
            keys.end();
        }
    }

    /// The keys of the issuer, if it signs its tokens or its answers.
    #[cfg_attr(not(feature = "introspection"), expect(clippy::unnecessary_wraps, reason = "then all are JWTs"))]
    pub(crate) fn keys(&self) -> Option<&KeyStore> {
        match &self.method {
            Method::Jwt(keys) => Some(keys),
            #[cfg(feature = "introspection")]
            Method::Introspection(_, keys) => keys.as_ref(),
        }
    }

    /// Who asks the issuer about its tokens, if they are opaque.
    #[cfg(feature = "introspection")]
    pub(crate) fn introspector(&self) -> Option<&Arc<Introspector>> {
        match &self.method {
            Method::Jwt(_) => None,
            Method::Introspection(introspector, _) => Some(introspector),
        }
    }
}
