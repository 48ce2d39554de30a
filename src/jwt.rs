//! The first authority: who signs the JWT. Bearers in, verified principals out.
//!
//! What is unverified has that word in its name and stays within this module; what leaves it was verified.

mod claims;
pub mod error;
mod jwks;
mod kept;
mod keys;
pub mod logged_out;
mod logout_token;
pub mod memo;
pub mod principal;
mod taken;
#[cfg(test)]
mod tests;
mod trust;
mod unverified;
mod verified_cache;
pub mod verifier;

pub use error::{LogoutError, VerifyError};
pub use jwks::{Keys, NoKeys, try_keys};
pub use logged_out::{Ended, LoggedOut};
pub use principal::{
    ClaimKey, HostSession, Principal, PrincipalKey, Profile, TokenFingerprint, Verified,
};
pub use verifier::{Unknown, Verifier};
