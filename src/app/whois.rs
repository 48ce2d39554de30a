//! `gantry whois`: who a JWT says it is, and which Rocket.Chat user that maps to, as a dry run.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{Instant, sleep};

use super::control_plane_client;
use super::upstream_tls::rocketchat_client;
use crate::clock::Clock;
use crate::config::Config;
use crate::jwt::{Verified, Verifier, VerifyError};
use crate::rocketchat::{RocketChat, User};
use crate::secret::Bearer;
use crate::session::profile;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::readiness::Readiness;

/// How long the issuer's keys may take to come.
const KEYS: Duration = Duration::from_secs(10);

/// Between two looks whether they have come.
const LOOK: Duration = Duration::from_millis(50);

/// Verifies a JWT and tells who it is and which user it maps to, without touching Rocket.Chat unless `live`. Nothing is created and
/// no auth token is minted in either case.
///
/// # Errors
/// When the token is refused, or maps to nobody; the text says why.
pub async fn whois(config: &Config, token: &Bearer, live: bool) -> anyhow::Result<String> {
    let clock = Clock::system();
    let metrics = Metrics::new();
    let readiness = Readiness::default();
    let verifier = Verifier::new(
        &config.issuers,
        control_plane_client(config)?,
        clock.clone(),
        metrics.clone(),
        &readiness,
    );
    let verified = verify(&verifier, token, &readiness).await?;
    let principal = &verified.principal;
    let mut told = String::new();
    writeln!(told, "issuer:       {}", principal.issuer)?;
    writeln!(told, "subject:      {}", principal.subject)?;
    let session = principal
        .session_claim
        .as_deref()
        .unwrap_or("(none: one session per principal)");
    writeln!(told, "host session: {session}")?;
    writeln!(
        told,
        "expires:      {}",
        humantime::format_rfc3339_seconds(verified.expires_at)
    )?;
    let username = profile::username(&config.users, principal)
        .context("the token is valid, but its principal maps to no username")?;
    writeln!(told, "user:         {username}")?;
    if live {
        let http = rocketchat_client(&config.rocketchat)?;
        let rocketchat = RocketChat::new(&config.rocketchat, http, clock, metrics, &readiness);
        let user = rocketchat.user_by_name(&username).await;
        // A login made for this one question is given back; when that fails, the answer is worth telling all the same.
        let _given_back = rocketchat.close().await;
        let user =
            user.context("the token is valid, but Rocket.Chat cannot be asked for the user")?;
        write!(told, "{}", live_answer(config, user.as_ref()))?;
    }
    Ok(told)
}

async fn verify(
    verifier: &Verifier,
    token: &Bearer,
    readiness: &Readiness,
) -> anyhow::Result<Arc<Verified>> {
    let began = Instant::now();
    loop {
        match verifier.verify(token).await {
            Ok(verified) => return Ok(verified),
            Err(VerifyError::KeysUnavailable) if began.elapsed() < KEYS => sleep(LOOK).await,
            Err(VerifyError::KeysUnavailable) => {
                anyhow::bail!(
                    "the token cannot be verified: {}",
                    readiness.missing().join("; ")
                );
            }
            Err(error) => return Err(error).context("the token is refused"),
        }
    }
}

fn live_answer(config: &Config, user: Option<&User>) -> String {
    let Some(user) = user else {
        let fate = if config.users.provision {
            "would be created"
        } else {
            "would be refused, because users.provision is off"
        };
        return format!("at Rocket.Chat: not there; {fate}\n");
    };
    let roles = user.roles.as_ref().map_or_else(
        || "not shown; the service account needs view-full-other-user-info".to_owned(),
        |roles| roles.join(", "),
    );
    format!(
        "at Rocket.Chat: {}, {}, type {}, roles {roles}\n",
        user.id,
        if user.active { "active" } else { "deactivated" },
        user.user_type.as_deref().unwrap_or("not shown"),
    )
}
