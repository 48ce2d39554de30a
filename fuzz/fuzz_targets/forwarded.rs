//! Chains of `X-Forwarded-For`.
#![cfg_attr(fuzzing, no_main)]

gantry_fuzz::target!(forwarded);
