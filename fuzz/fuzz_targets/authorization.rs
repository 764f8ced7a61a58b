//! See `tower_bearer_fuzz::authorization`.
#![cfg_attr(fuzzing, no_main)]

tower_bearer_fuzz::target!(authorization);
