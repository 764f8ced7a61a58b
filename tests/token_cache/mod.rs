//! The token cache: a cached token is not verified again, and is refused as soon as it would be without a cache.

mod contents;
mod validity;
mod withdrawal;

use tower_bearer::validation::TokenError;
use tower_bearer::validation::{TokenCacheStatus, VerifyError};
use tower_bearer::{AccessToken, ResourceServer};

fn status(api: &ResourceServer) -> TokenCacheStatus {
    api.token_cache_status().unwrap()
}

/// Presents a token until it is cached, and asserts that it is.
#[track_caller]
fn remember(api: &ResourceServer, token: &str) {
    for _ in 0..2 {
        api.try_verify(token).unwrap();
    }
    let before = status(api);
    api.try_verify(token).unwrap();
    let after = status(api);
    assert_eq!((after.hits, after.misses), (before.hits + 1, before.misses), "it is remembered");
}

#[track_caller]
fn assert_refused(verdict: Result<AccessToken, VerifyError>, is_expected: impl FnOnce(&TokenError) -> bool) {
    match verdict {
        Err(VerifyError::Token(error)) if is_expected(&error) => {}
        other => panic!("{other:?}"),
    }
}
