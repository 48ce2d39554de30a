//! The admin listener: who may ask, what is told of sessions and principals, how they are ended, and that all of it is as described.

mod access;
mod description;
mod ending;
mod listing;
mod principals;
mod stage;
mod status;
