//! The second authority: who owns the chat account. Gantry's own calls to Rocket.Chat, as domain verbs.
//!
//! It guarantees: only this module makes [`Credentials`]; a token that Rocket.Chat made for us is handed over, or logged out
//! again; errors are told apart by status and code, never by text (RC §13.9); nothing here logs a token, a username or an
//! address.

mod answer;
mod brake;
mod caller;
pub mod client;
pub mod credentials;
pub mod error;
mod expiration;
mod inspect;
mod limits;
mod login;
pub mod login_answer;
mod logout;
mod mint;
mod notices;
mod operation;
mod password;
mod refusal;
mod service_account;
mod transport;
mod unclaimed;
mod upkeep;
mod user;
mod version;
mod wire;

pub use client::RocketChat;
pub use credentials::Credentials;
pub use error::{ApiError, Refusal, RefusedData};
pub use inspect::{Account, Release, Trial};
pub use login_answer::SwapOut;
pub use user::{NewUser, User};
