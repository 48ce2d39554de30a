//! The limits that protect Gantry, each under attack while somebody well-behaved is served.

mod bodies;
mod clients;
mod resets;
mod sockets;
mod stage;
mod takers;
