//! See `tower_bearer_fuzz::issuer_pattern`.
#![cfg_attr(fuzzing, no_main)]

tower_bearer_fuzz::target!(issuer_pattern);
