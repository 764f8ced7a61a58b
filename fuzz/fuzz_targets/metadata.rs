//! See `tower_bearer_fuzz::metadata`.
#![cfg_attr(fuzzing, no_main)]

tower_bearer_fuzz::target!(metadata);
