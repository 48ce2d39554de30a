//! The second authority: who owns the chat account. Gantry's own calls to Rocket.Chat, as domain verbs.

pub mod client;
pub mod credentials;
pub mod error;

pub use client::{NewUser, RocketChat, User};
pub use credentials::Credentials;
pub use error::{ApiError, Refusal, RefusedData};
