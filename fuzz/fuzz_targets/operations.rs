//! See `tower_bearer_fuzz::operations`.
#![cfg_attr(fuzzing, no_main)]

tower_bearer_fuzz::target!(operations);
