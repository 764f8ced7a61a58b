//! See `tower_bearer_fuzz::token`.
#![cfg_attr(fuzzing, no_main)]

tower_bearer_fuzz::target!(token);
