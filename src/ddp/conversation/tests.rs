//! Tests of whole conversations: bytes in on both sides, bytes out on both sides.

mod harness;
mod judging;
mod logins;
mod passing;
mod properties;
mod swapping;
mod telling;
