//! Bodies of `method.call`.
#![cfg_attr(fuzzing, no_main)]

gantry_fuzz::target!(method_call);
