use std::any::{Any, type_name};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::claims_error::ClaimsError;

/// A token's claims as the application's own type, parsed once by the protecting layer.
///
/// It dereferences to `T`: `claims.tenant` reads a field. It cannot be destructured.
///
/// [`Builder::claims`](crate::server::Builder::claims) enables it. The layer then refuses a token whose claims
/// do not parse as `T`. `Claims<T>` is a request extension and, with the feature `axum`, an extractor. Only the
/// layer creates one. [`AccessToken::claims`](crate::AccessToken::claims) describes the JSON that `T` is parsed
/// from.
///
/// `Debug` shows only the name of the type, because claims may be personal data.
pub struct Claims<T>(Arc<T>);

impl<T> Clone for Claims<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Claims<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Claims<{}>(..)", type_name::<T>())
    }
}

impl<T> Deref for Claims<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Send + Sync + 'static> Claims<T> {
    /// The claims in `parsed`, if they were [parsed](parse) as a `T`.
    pub(crate) fn from_parsed(parsed: &ParsedClaims) -> Option<Self> {
        Arc::clone(parsed).downcast().ok().map(Self)
    }
}

/// Claims of a type that is erased, so that the types that hold a token need no type parameter.
pub(crate) type ParsedClaims = Arc<dyn Any + Send + Sync>;

/// A function that parses a payload as some `T`.
pub(crate) type ParseClaims = fn(&[u8]) -> Result<ParsedClaims, ClaimsError>;

pub(crate) fn parse<T: DeserializeOwned + Send + Sync + 'static>(payload: &[u8]) -> Result<ParsedClaims, ClaimsError> {
    read::<T>(payload).map(|claims| Arc::new(claims) as ParsedClaims)
}

pub(super) fn read<T: DeserializeOwned>(payload: &[u8]) -> Result<T, ClaimsError> {
    serde_json::from_slice(payload).map_err(|error| ClaimsError::new(type_name::<T>(), payload, &error))
}
