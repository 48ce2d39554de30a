//! The listener under TLS: protocols, sockets, clients' certificates, what is no TLS, and files that change.

mod clients;
pub(crate) mod front;
mod rotation;
mod serving;
pub(crate) mod stage;
mod streams;
mod upstream;
