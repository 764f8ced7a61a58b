//! Extractors for axum handlers (feature `axum`).
//!
//! [`AccessToken`] and [`Claims<T>`](Claims) are extractors. Behind a layer that is [optional](crate::layer::ProtectLayer::optional),
//! `Option<AccessToken>` and `Option<Claims<T>>` are `None` for an anonymous request, and the plain forms refuse it with 401 and a challenge without
//! `error`. For a request that passes the layer [by an extension](crate::Require::or_extension), such as one with an API key, the optional forms are
//! also `None`, and the plain forms refuse it with 401 `invalid_token`. On a route that no layer protects, all four answer 500 and log an error that
//! names the missing layer.

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;

use crate::server::{Access, Context};
#[cfg(feature = "tenants")]
use crate::token::{Tenant, TenantValue};
use crate::{AccessToken, Claims, Rejection};

impl<S: Sync> FromRequestParts<S> for AccessToken {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        token(parts, "AccessToken").cloned()
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for AccessToken {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Rejection> {
        Ok(optional_token(parts, "Option<AccessToken>")?.cloned())
    }
}

impl<T: Send + Sync + 'static, S: Sync> FromRequestParts<S> for Claims<T> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        token(parts, "Claims").and_then(claims)
    }
}

impl<T: Send + Sync + 'static, S: Sync> OptionalFromRequestParts<S> for Claims<T> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Rejection> {
        optional_token(parts, "Option<Claims>")?.map(claims).transpose()
    }
}

/// The tenant whose issuer has issued the token. A request without it is refused with 500 and an error in the log: the token is of an issuer that
/// the server was built with, or of a tenant whose value is absent or of another type. In these cases, `Option<Tenant<T>>` is `None`.
#[cfg(feature = "tenants")]
impl<T: Send + Sync + 'static, S: Sync> FromRequestParts<S> for Tenant<T> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let token = token(parts, "Tenant")?;
        token.tenant().and_then(TenantValue::tenant).ok_or_else(Rejection::no_tenant::<T>)
    }
}

#[cfg(feature = "tenants")]
impl<T: Send + Sync + 'static, S: Sync> OptionalFromRequestParts<S> for Tenant<T> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Rejection> {
        let token = optional_token(parts, "Option<Tenant>")?;
        Ok(token.and_then(AccessToken::tenant).and_then(TenantValue::tenant))
    }
}

/// The protecting layer replaces the body by that of its responder.
impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.response()
    }
}

/// The token of the request, for the extractor `what`.
fn token<'a>(parts: &'a Parts, what: &str) -> Result<&'a AccessToken, Rejection> {
    match Context::access(&parts.extensions) {
        Access::Granted { token, .. } => Ok(token),
        Access::ByExtension(server) => Err(server.refuse_without_token()),
        Access::Anonymous(server) => Err(server.no_credentials(None)),
        Access::Unprotected => Err(Rejection::unprotected(what)),
    }
}

/// The token of the request, or `None` if the layer lets the request pass without one.
fn optional_token<'a>(parts: &'a Parts, what: &str) -> Result<Option<&'a AccessToken>, Rejection> {
    match Context::access(&parts.extensions) {
        Access::Granted { token, .. } => Ok(Some(token)),
        Access::ByExtension(_) | Access::Anonymous(_) => Ok(None),
        Access::Unprotected => Err(Rejection::unprotected(what)),
    }
}

/// The claims of `token` that the layer parsed.
fn claims<T: Send + Sync + 'static>(token: &AccessToken) -> Result<Claims<T>, Rejection> {
    token.parsed_claims().and_then(Claims::from_parsed).ok_or_else(Rejection::claims_not_configured::<T>)
}
