//! See `tower_bearer_fuzz::target_uri`.
#![cfg_attr(fuzzing, no_main)]

tower_bearer_fuzz::target!(target_uri);
