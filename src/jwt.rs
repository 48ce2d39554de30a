//! The first authority: who signs the JWT. Bearers in, verified principals out.

pub mod error;
pub mod principal;
pub mod verifier;

pub use error::VerifyError;
pub use principal::{HostSession, Principal, PrincipalKey, Profile, TokenFingerprint, Verified};
pub use verifier::Verifier;
