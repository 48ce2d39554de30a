//! Bytes of either side of a socket.
#![cfg_attr(fuzzing, no_main)]

gantry_fuzz::target!(frames);
