//! The lookalike held against the contract: every test names the section it checks and talks over TCP.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![expect(
    clippy::disallowed_methods,
    reason = "the client is a plain one, as programs have it"
)]

mod create_token;
mod limits;
mod login;
mod rest_auth;
mod support;
mod trouble;
mod users;
mod users_create;
mod workspace;
