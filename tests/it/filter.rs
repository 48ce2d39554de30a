//! Filter mode through the whole: gateways of every dialect ask over real sockets, and are told what proxy mode would do.

mod alike;
pub(crate) mod asking;
mod documented;
mod framing;
mod gateways;
mod history;
mod malformed;
mod patience;
mod refusals;
mod strangers;
