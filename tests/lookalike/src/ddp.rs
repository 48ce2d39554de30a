//! DDP: what the web client speaks over its socket and tunnels through REST (RC §6).
//!
//! The layers, bottom up: `frame` (messages), `sockjs` (framing), `heartbeat`, `limits`, `methods`
//! and `streams` (what can be asked), `session` (one connection without its socket), `socket`.

pub(crate) use frame::result;
pub(crate) use limits::{Calling, MethodLimits};
pub(crate) use methods::{Login, call, permissions, rooms, send};
pub(crate) use session::{count, log_in, log_out, login_result};
pub(crate) use socket::router;

mod frame;
mod heartbeat;
mod limits;
mod methods;
mod session;
mod socket;
mod sockjs;
mod streams;
mod token_methods;
