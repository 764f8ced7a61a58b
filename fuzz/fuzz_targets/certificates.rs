//! See `tower_bearer_fuzz::certificates`.
#![cfg_attr(fuzzing, no_main)]

tower_bearer_fuzz::target!(certificates);
