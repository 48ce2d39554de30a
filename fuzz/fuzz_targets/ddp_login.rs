//! DDP messages and logins of both sides of a socket.
#![cfg_attr(fuzzing, no_main)]

gantry_fuzz::target!(ddp_login);
