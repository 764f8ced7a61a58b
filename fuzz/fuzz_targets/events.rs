//! See `tower_bearer_fuzz::events`.
#![cfg_attr(fuzzing, no_main)]

tower_bearer_fuzz::target!(events);
