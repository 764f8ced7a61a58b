//! See `tower_bearer_fuzz::claims`.
#![cfg_attr(fuzzing, no_main)]

tower_bearer_fuzz::target!(claims);
