//! The client of Rocket.Chat against the lookalike: every regime, limit, refusal and failure that its contract names.

mod answers;
mod limits;
mod logs;
mod password;
mod regimes;
mod service_account;
mod stage;
mod unclaimed;
mod users;
