//! See `tower_bearer_fuzz::challenge`.
#![cfg_attr(fuzzing, no_main)]

tower_bearer_fuzz::target!(challenge);
