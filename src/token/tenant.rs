use std::any::{Any, type_name};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use http::Extensions;

/// The application's own data about the tenant that issued the request's token.
///
/// It dereferences to `T`: `tenant.plan` reads a field. The [resolver](crate::tenants::TenantResolver)
/// attaches it to the issuer with [`ResolvedTenant::value`](crate::tenants::ResolvedTenant::value).
/// `Tenant<T>` is a request extension and, with the feature `axum`, an extractor. A layer inserts one only
/// for a valid token of that issuer.
///
/// `Debug` shows only the name of the type.
pub struct Tenant<T>(Arc<T>);

impl<T> Clone for Tenant<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Tenant<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tenant<{}>(..)", type_name::<T>())
    }
}

impl<T> Deref for Tenant<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// A value of a type that is erased, so that the types that hold it need no type parameter.
#[derive(Clone)]
pub(crate) struct TenantValue {
    value: Arc<dyn Any + Send + Sync>,
    insert: fn(&Self, &mut Extensions),
    remove: fn(&mut Extensions),
}

impl TenantValue {
    pub(crate) fn new<T: Send + Sync + 'static>(value: T) -> Self {
        Self {
            value: Arc::new(value),
            insert: |value, extensions| {
                if let Some(tenant) = value.tenant::<T>() {
                    extensions.insert(tenant);
                }
            },
            remove: |extensions| {
                extensions.remove::<Tenant<T>>();
            },
        }
    }

    /// The value, if it is a `T`.
    pub(crate) fn tenant<T: Send + Sync + 'static>(&self) -> Option<Tenant<T>> {
        Arc::clone(&self.value).downcast().ok().map(Tenant)
    }

    /// The value, if it is a `T`.
    pub(crate) fn get<T: 'static>(&self) -> Option<&T> {
        self.value.downcast_ref()
    }

    pub(crate) fn insert_into(&self, extensions: &mut Extensions) {
        (self.insert)(self, extensions);
    }

    pub(crate) fn remove_from(&self, extensions: &mut Extensions) {
        (self.remove)(extensions);
    }
}
