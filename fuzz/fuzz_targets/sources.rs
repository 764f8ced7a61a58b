//! See `tower_bearer_fuzz::sources`.
#![cfg_attr(fuzzing, no_main)]

tower_bearer_fuzz::target!(sources);
