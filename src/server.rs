//! Listeners, routing, error answers, probes and drain: everything between a socket and the edges.

pub mod admin;
pub mod aside;
pub mod certificates;
pub mod connection;
pub mod cors;
pub mod door;
pub mod grpc;
pub mod handler;
pub mod head;
pub mod listener;
pub mod rejection;
pub mod resets;
pub mod streams;
pub mod watch;
pub mod watched;
