//! See `tower_bearer_fuzz::proof`.
#![cfg_attr(fuzzing, no_main)]

tower_bearer_fuzz::target!(proof);
