//! Traces: what a collector is told of requests, what Rocket.Chat hears of them, and that a collector's troubles are nobody else's.

mod content;
mod context;
mod receiver;
mod stage;
mod trouble;
