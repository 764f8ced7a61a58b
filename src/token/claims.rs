use std::any::{Any, type_name};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::de::DeserializeOwned;

/// The application's own view of a token's claims, parsed once by the protecting layer.
///
/// [`Builder::claims`](crate::server::Builder::claims) asks for it; a token whose claims are no `T` is then refused at the
/// edge. It is a request extension and, with the `axum` feature, an extractor. There is no way to make one by hand.
/// What holds for the JSON that `T` is read from is said at [`AccessToken::claims`](crate::AccessToken::claims).
///
/// Its `Debug` form shows the name of the type and nothing of the claims, which may be a person's.
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
    /// The claims that `parsed` holds, if it was [parsed](parse) as a `T`.
    pub(crate) fn from_parsed(parsed: &ParsedClaims) -> Option<Self> {
        Arc::clone(parsed).downcast().ok().map(Self)
    }
}

/// A `T`, its type forgotten so that nothing that carries a token needs a type parameter.
pub(crate) type ParsedClaims = Arc<dyn Any + Send + Sync>;

/// Parses a payload as some `T`.
pub(crate) type ParseClaims = fn(&[u8]) -> Result<ParsedClaims, ClaimsError>;

pub(crate) fn parse<T: DeserializeOwned + Send + Sync + 'static>(payload: &[u8]) -> Result<ParsedClaims, ClaimsError> {
    read::<T>(payload).map(|claims| Arc::new(claims) as ParsedClaims)
}

pub(super) fn read<T: DeserializeOwned>(payload: &[u8]) -> Result<T, ClaimsError> {
    serde_json::from_slice(payload).map_err(|error| ClaimsError { wanted: type_name::<T>(), column: error.column() })
}

/// The claims of a good token are not of the type that the application asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the claims are no {wanted} (octet {column} of the payload)")]
#[non_exhaustive]
pub struct ClaimsError {
    /// The name of the type.
    pub wanted: &'static str,
    /// Where in its line of the payload the mismatch was found, counted from 1; payloads have one line as a rule.
    pub column: usize,
}
