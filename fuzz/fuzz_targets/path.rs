//! Paths of requests.
#![cfg_attr(fuzzing, no_main)]

gantry_fuzz::target!(path);
