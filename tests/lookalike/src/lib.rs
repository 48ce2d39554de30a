//! A Rocket.Chat that behaves as the contract says ("RC §n"), for tests, the demo and the bench; never shipped.
//!
//! It is strict where Rocket.Chat is strict, keeps its own advanceable clock, remembers what it received,
//! and makes trouble on demand. [`Lookalike`] is the whole face.
//!
//! Not Rocket.Chat's own are `ANY /api/v1/gantry-test.echo` and `GET /api/v1/gantry-test.stream`, both with
//! authentication and without a rate limit: the first answers what it was sent, the second sends chunks.

mod account;
mod answers;
mod auth;
mod chat;
mod client_address;
mod clock;
mod cors;
mod ddp;
mod documents;
mod fault;
mod furnish;
mod handle;
mod handle_chat;
mod latch;
mod limits;
mod lockout;
mod loose_auth;
mod moment;
mod options;
mod params;
mod permissions;
mod presence;
mod random;
mod record;
mod routes;
mod serve;
mod settings;
mod sign_in;
mod state;
mod talk;
mod token_file;
mod tokens;
mod two_factor;
mod user;
mod users;
mod wire;

pub use fault::{Fault, FaultKind, LoginFault};
pub use handle::Lookalike;
pub use handle_chat::SeenMessage;
pub use latch::Latch;
pub use options::{CreateToken, Manner, Options};
pub use record::Received;
pub use user::{Email, NewUser, UserView};
