//! Where sessions, tombstones and stand-ins are kept.
//!
//! One store so far, in memory. What a durable one must add is the same face with its own errors: the callers already treat
//! every entry as something that may have changed since they looked.

mod index;
pub(in crate::session) mod memory;

pub(in crate::session) use memory::{Found, Memory, Seat};
