//! See `tower_bearer_fuzz::jwks`.
#![cfg_attr(fuzzing, no_main)]

tower_bearer_fuzz::target!(jwks);
