//! See `tower_bearer_fuzz::differential`.
#![cfg_attr(fuzzing, no_main)]

tower_bearer_fuzz::target!(differential);
