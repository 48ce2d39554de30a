//! Which `users.createToken` regime Rocket.Chat follows (RC §0.1): from the config, or asked of `/api/info`.
//!
//! `/api/info` tells major and minor to everybody, which is all we need. Asked again by the upkeep, and when minting begins to
//! fail in a way that another regime would explain: Rocket.Chat may be upgraded under a running Gantry.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::config::rocketchat::{Regime, VersionSetting};
use crate::rocketchat::ApiError;
use crate::rocketchat::operation::Operation;
use crate::rocketchat::transport::{Request, Transport};
use crate::rocketchat::wire;

/// Shortest time between two readings that failed mintings cause: a wrong secret must not double every call.
const REREAD: Duration = Duration::from_secs(15);

/// The regime of a version such as `8.7`, `8.6.1` or `7.0.0-rc.2`; `None` when it does not begin with two numbers.
pub(in crate::rocketchat) fn regime_of(version: &str) -> Option<Regime> {
    let mut numbers = version.splitn(3, '.');
    let major: u32 = numbers.next()?.parse().ok()?;
    let minor = numbers.next()?;
    let digits = minor
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(minor.len());
    let minor: u32 = minor[..digits].parse().ok()?;
    Some(match (major, minor) {
        (0..=7, _) => Regime::NoSecret,
        (8, 0..=6) => Regime::Secret,
        (8.., _) => Regime::SecretAndPermission,
    })
}

/// The regime as known now.
#[derive(Debug)]
pub(in crate::rocketchat) struct Regimes {
    setting: VersionSetting,
    known: AtomicU8,
    reread_at: Mutex<Option<SystemTime>>,
}

impl Regimes {
    /// Nothing is known yet unless the config says it.
    pub(in crate::rocketchat) fn new(setting: VersionSetting) -> Self {
        Self {
            setting,
            known: AtomicU8::new(0),
            reread_at: Mutex::new(None),
        }
    }

    /// The regime; asked for when it was never told.
    ///
    /// # Errors
    /// [`ApiError`] when Rocket.Chat does not tell its version.
    pub(in crate::rocketchat) async fn current(
        &self,
        transport: &Arc<Transport>,
    ) -> Result<Regime, ApiError> {
        match (self.setting, self.known()) {
            (VersionSetting::Fixed(regime), _) | (VersionSetting::Auto, Some(regime)) => Ok(regime),
            (VersionSetting::Auto, None) => self.read(transport).await,
        }
    }

    /// Asks Rocket.Chat. This is also how it is found to be there at all, so it is asked even when the config says the regime.
    ///
    /// # Errors
    /// [`ApiError`] when the answer is none of a Rocket.Chat.
    pub(in crate::rocketchat) async fn read(
        &self,
        transport: &Arc<Transport>,
    ) -> Result<Regime, ApiError> {
        let answer = transport.call(&Request::new(Operation::Info)).await?;
        let info: wire::Info = answer.good()?;
        let read = info.version().and_then(regime_of);
        match (self.setting, read) {
            (VersionSetting::Fixed(regime), _) => Ok(regime),
            (VersionSetting::Auto, None) => Err(ApiError::Invalid),
            (VersionSetting::Auto, Some(regime)) => {
                if self.known.swap(to_byte(regime), Ordering::Relaxed) != to_byte(regime) {
                    tracing::info!(
                        "Rocket.Chat reports a version that mints tokens {}",
                        description(regime)
                    );
                }
                Ok(regime)
            }
        }
    }

    /// Minting under `tried` failed in a way that another regime would explain: the other regime, if there is one now.
    pub(in crate::rocketchat) async fn other_than(
        &self,
        tried: Regime,
        transport: &Arc<Transport>,
    ) -> Option<Regime> {
        if matches!(self.setting, VersionSetting::Fixed(_)) {
            return None;
        }
        let now = transport.clock().now();
        let due = {
            let mut reread_at = self
                .reread_at
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let due = reread_at.is_none_or(|at| now >= at + REREAD);
            if due {
                *reread_at = Some(now);
            }
            due
        };
        let regime = if due {
            self.read(transport).await.ok()
        } else {
            self.known()
        };
        regime.filter(|regime| *regime != tried)
    }

    fn known(&self) -> Option<Regime> {
        [
            Regime::NoSecret,
            Regime::Secret,
            Regime::SecretAndPermission,
        ]
        .into_iter()
        .find(|regime| to_byte(*regime) == self.known.load(Ordering::Relaxed))
    }
}

fn to_byte(regime: Regime) -> u8 {
    match regime {
        Regime::NoSecret => 1,
        Regime::Secret => 2,
        Regime::SecretAndPermission => 3,
    }
}

fn description(regime: Regime) -> &'static str {
    match regime {
        Regime::NoSecret => "without a secret (before 8.0)",
        Regime::Secret => "with a secret (8.0 to 8.6)",
        Regime::SecretAndPermission => "with a secret and a permission (8.7 and later)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_tells_the_regime() {
        let check = |version: &str, regime: Option<Regime>| {
            assert_eq!(regime_of(version), regime, "for {version:?}");
        };
        check("6.13", Some(Regime::NoSecret));
        check("7.13.9", Some(Regime::NoSecret));
        check("7.0.0-rc.2", Some(Regime::NoSecret));
        check("8.0", Some(Regime::Secret));
        check("8.6.1", Some(Regime::Secret));
        check("8.7", Some(Regime::SecretAndPermission));
        check("8.10.0-develop", Some(Regime::SecretAndPermission));
        check("8.7-develop", Some(Regime::SecretAndPermission));
        check("9.0", Some(Regime::SecretAndPermission));
        check("8", None);
        check("", None);
        check("eight.seven", None);
        check("8.x", None);
        check("99999999999.0", None);
    }
}
