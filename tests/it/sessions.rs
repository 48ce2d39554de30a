//! Sessions against a Rocket.Chat: from the first request of a principal to the logout of its last auth token.

mod adoption;
mod ending;
mod exchange;
mod limits;
mod logs;
mod named;
mod owed_logouts;
mod profile;
mod refresh;
mod refusals;
mod stage;
mod stand_ins;
mod storm;
mod tickets;
mod times;
