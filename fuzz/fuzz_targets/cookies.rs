//! Cookie fields of a request.
#![cfg_attr(fuzzing, no_main)]

gantry_fuzz::target!(cookies);
