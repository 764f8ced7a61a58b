use std::pin::Pin;
use std::sync::Arc;

use super::resolve_error::ResolveError;
use super::resolved_tenant::ResolvedTenant;

/// Decides which issuers the server trusts in addition to those that it was built with, for example from a database or an administrative API.
///
/// The resolver decides whom the server trusts, so it must answer from what the application has recorded, never only from the `iss`.
///
/// # The contract
///
/// 1. **When it is called.** For a token whose `iss` belongs neither to a [trusted](crate::server::Builder::trust) issuer nor to a tenant in the
///    table, if the `iss` fits a [pattern](super::TenantSettings::issuer_pattern) and has at most 512 bytes. At that point the token is not verified:
///    anyone can make the server ask about any `iss`.
/// 2. **How often.** Once for an `iss`, however many requests wait. At most 32 calls run at once, and the rate is
///    [limited](crate::manual::tenants#limits). "No such tenant" is remembered for 5 seconds, an error for 1 second.
/// 3. **How long.** A call is dropped after 5 seconds. It runs as a separate task, so a client that disconnects does not cancel it. It must not block
///    the thread.
/// 4. **What it answers.** `Some` with an issuer whose identifier is `iss`, byte for byte, is the tenant. `None` means that there is no such tenant,
///    and the token is refused with 401. After an error, a panic or another issuer, the token gets 503.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a resolver of tenants",
    label = "expected a `TenantResolver`",
    note = "a closure becomes one with `tower_bearer::tenants::from_fn(|iss: String| async move {{ … }})`",
    note = "the closure returns a `Result<Option<Issuer>, ResolveError>`: `Issuer::discover(&iss).map(Some).map_err(ResolveError::new)`"
)]
pub trait TenantResolver: Send + Sync + 'static {
    /// The tenant whose issuer has this identifier; `None` if there is none.
    fn resolve<'a>(&'a self, iss: &'a str) -> ResolveFuture<'a>;
}

/// What [`TenantResolver::resolve`] returns.
pub type ResolveFuture<'a> = Pin<Box<dyn Future<Output = Result<Option<ResolvedTenant>, ResolveError>> + Send + 'a>>;

impl<R: TenantResolver + ?Sized> TenantResolver for Arc<R> {
    fn resolve<'a>(&'a self, iss: &'a str) -> ResolveFuture<'a> {
        (**self).resolve(iss)
    }
}

/// Creates a resolver from an async closure that takes the `iss`.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Arc;
/// use tower_bearer::tenants::{ResolveError, from_fn};
/// use tower_bearer::{Issuer, ResourceServer};
///
/// let customers = Arc::new(HashMap::from([("https://login.example.com/acme".to_owned(), 42)]));
/// let resolver = from_fn(move |iss: String| {
///     let customers = Arc::clone(&customers);
///     async move {
///         let is_known = customers.contains_key(&iss); // a query of your database
///         if is_known { Issuer::discover(&iss).map(Some).map_err(ResolveError::new) } else { Ok(None) }
///     }
/// });
/// let api = ResourceServer::builder("https://api.example.com").trust_resolved(resolver).build()?;
/// # Ok::<(), tower_bearer::server::ConfigError>(())
/// ```
pub fn from_fn<F, A, T>(resolve: F) -> impl TenantResolver
where
    F: Fn(String) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Option<T>, ResolveError>> + Send + 'static,
    T: Into<ResolvedTenant>,
{
    FromFn(resolve)
}

struct FromFn<F>(F);

impl<F, A, T> TenantResolver for FromFn<F>
where
    F: Fn(String) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Option<T>, ResolveError>> + Send + 'static,
    T: Into<ResolvedTenant>,
{
    fn resolve<'a>(&'a self, iss: &'a str) -> ResolveFuture<'a> {
        let answer = (self.0)(iss.to_owned());
        Box::pin(async move { Ok(answer.await?.map(Into::into)) })
    }
}
