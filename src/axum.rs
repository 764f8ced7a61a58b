//! Extractors for axum handlers (feature `axum`).
//!
//! [`AccessToken`] and [`Claims<T>`](Claims) are extractors. Behind a layer that is
//! [optional](crate::layer::ProtectLayer::optional), `Option<AccessToken>` and `Option<Claims<T>>` are `None` for an
//! anonymous request, and the plain forms refuse it with a bare 401. On a route that no layer protects each of the four
//! answers 500 and logs an error that names the missing layer.

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;

use crate::server::{Access, Context};
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

/// Within a protecting layer, which gives it the body that its responder makes.
impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.response()
    }
}

/// The token of the request; `what` asks for it.
fn token<'a>(parts: &'a Parts, what: &str) -> Result<&'a AccessToken, Rejection> {
    match Context::access(&parts.extensions) {
        Access::Granted(_, token) => Ok(token),
        Access::Anonymous(server) => Err(server.no_credentials(None)),
        Access::Unprotected => Err(Rejection::unprotected(what)),
    }
}

/// The token of the request, if there is one and there need not be.
fn optional_token<'a>(parts: &'a Parts, what: &str) -> Result<Option<&'a AccessToken>, Rejection> {
    match Context::access(&parts.extensions) {
        Access::Granted(_, token) => Ok(Some(token)),
        Access::Anonymous(_) => Ok(None),
        Access::Unprotected => Err(Rejection::unprotected(what)),
    }
}

/// The claims that were parsed with `token`.
fn claims<T: Send + Sync + 'static>(token: &AccessToken) -> Result<Claims<T>, Rejection> {
    token.parsed_claims().and_then(Claims::from_parsed).ok_or_else(Rejection::claims_not_configured::<T>)
}
