//! The lookalike held against the contract: every test names the section it checks and talks over TCP.

mod rest_auth;
mod support;
