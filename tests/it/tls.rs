//! The listener under TLS: protocols, sockets, clients' certificates, what is no TLS, and files that change.

mod clients;
mod rotation;
mod serving;
mod stage;
