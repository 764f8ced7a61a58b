use std::any::TypeId;

use http::Extensions;
use serde::de::DeserializeOwned;

use crate::Claims;
use crate::token::claims::{self, ParseClaims, ParsedClaims};

/// How [`Claims<T>`] are made and handed on, for a `T` that nothing but this knows.
#[derive(Clone, Copy)]
pub(super) struct ClaimsExtension {
    /// Identifies the `T`. The addresses of functions do not.
    pub(super) claims: TypeId,
    pub(super) parse: ParseClaims,
    pub(super) insert: fn(&ParsedClaims, &mut Extensions),
    pub(super) remove: fn(&mut Extensions),
}

impl ClaimsExtension {
    pub(super) fn of<T: DeserializeOwned + Send + Sync + 'static>() -> Self {
        Self {
            claims: TypeId::of::<T>(),
            parse: claims::parse::<T>,
            insert: |parsed, extensions| {
                if let Some(claims) = Claims::<T>::from_parsed(parsed) {
                    extensions.insert(claims);
                }
            },
            remove: |extensions| {
                extensions.remove::<Claims<T>>();
            },
        }
    }
}
