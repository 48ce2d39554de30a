//! `gantry whois`: who a JWT says it is, and which Rocket.Chat user that maps to, as a dry run.

use crate::clock::Clock;
use crate::config::Config;
use crate::secret::Bearer;

/// Verifies a JWT and tells who it is and which user it maps to, without touching Rocket.Chat unless `live`.
///
/// # Errors
/// When the token is refused; the text says why.
pub async fn whois(_config: &Config, _token: &Bearer, _live: bool) -> anyhow::Result<String> {
    let _clock = Clock::system();
    anyhow::bail!("not there yet")
}
