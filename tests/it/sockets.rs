//! Sockets through the whole: what a DDP client says and hears in both framings, and what of it Rocket.Chat was told.

mod anonymous;
mod burst;
mod counts;
mod denied;
mod disguises;
mod ends;
mod fragments;
mod frames;
mod lazy;
mod logins;
mod openings;
mod pings;
mod played;
mod refused;
mod scrubs;
mod stage;
mod trouble;
mod wire;
