//! The lookalike held against the contract: every test names the section it checks and talks over TCP.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![expect(
    clippy::disallowed_methods,
    reason = "the client is a plain one, as programs have it"
)]

mod chat_rest;
mod create_token;
mod ddp;
mod ddp_client;
mod files;
mod limits;
mod login;
mod login_trouble;
mod method_call;
mod own_account;
mod pages;
mod people;
mod presence;
mod rest_auth;
mod sockets;
mod streams;
mod support;
mod trouble;
mod users;
mod users_create;
mod workspace;
