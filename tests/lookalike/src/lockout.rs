//! The lock-out after failed logins, by client address and by username (RC §5.5).
//!
//! Only logins count, resume included; refused REST headers do not.

use std::collections::HashMap;

use crate::answers::MeteorError;
use crate::settings::Settings;

/// Failures since the last success of one address or name.
#[derive(Clone, Copy, Default)]
struct Failures {
    count: i64,
    last: i64,
}

/// All counters.
#[derive(Default)]
pub(crate) struct Lockout {
    by_address: HashMap<String, Failures>,
    by_username: HashMap<String, Failures>,
}

/// Who tries: the client's address, and the username where a password login carries one.
#[derive(Clone, Copy)]
pub(crate) struct Trier<'a> {
    pub(crate) address: &'a str,
    pub(crate) username: Option<&'a str>,
}

impl Lockout {
    /// Refuses who has failed too often, until the time has passed.
    pub(crate) fn check(
        &self,
        settings: &Settings,
        trier: Trier<'_>,
        now: i64,
    ) -> Result<(), MeteorError> {
        if !settings.on("Block_Multiple_Failed_Logins_Enabled") {
            return Ok(());
        }
        let whitelisted = settings
            .list("Block_Multiple_Failed_Logins_Ip_Whitelist")
            .any(|address| address == trier.address);
        let failures = self.by_address.get(trier.address);
        if settings.on("Block_Multiple_Failed_Logins_By_Ip")
            && !whitelisted
            && blocked(
                failures,
                settings.whole("Block_Multiple_Failed_Logins_Attempts_Until_Block_By_Ip"),
                settings.whole("Block_Multiple_Failed_Logins_Time_To_Unblock_By_Ip_In_Minutes"),
                now,
            )
        {
            let reason = "Login has been temporarily blocked For IP";
            return Err(MeteorError::new("error-login-blocked-for-ip", reason));
        }
        let failures = trier.username.and_then(|name| self.by_username.get(name));
        if settings.on("Block_Multiple_Failed_Logins_By_User")
            && blocked(
                failures,
                settings.whole("Block_Multiple_Failed_Logins_Attempts_Until_Block_by_User"),
                settings.whole("Block_Multiple_Failed_Logins_Time_To_Unblock_By_User_In_Minutes"),
                now,
            )
        {
            let reason = "Login has been temporarily blocked For User";
            return Err(MeteorError::new("error-login-blocked-for-user", reason));
        }
        Ok(())
    }

    /// Notes a failure, unless it is one of the two that are not recorded.
    pub(crate) fn failed(&mut self, trier: Trier<'_>, why: &MeteorError, now: i64) {
        if matches!(
            why.error.as_str(),
            Some("totp-required" | "error-login-blocked-for-user")
        ) {
            return;
        }
        let note = |failures: &mut Failures| {
            failures.count += 1;
            failures.last = now;
        };
        note(self.by_address.entry(trier.address.to_owned()).or_default());
        if let Some(username) = trier.username {
            note(self.by_username.entry(username.to_owned()).or_default());
        }
    }

    /// A success resets the counters.
    pub(crate) fn succeeded(&mut self, trier: Trier<'_>) {
        self.by_address.remove(trier.address);
        if let Some(username) = trier.username {
            self.by_username.remove(username);
        }
    }
}

fn blocked(failures: Option<&Failures>, limit: i64, minutes: i64, now: i64) -> bool {
    failures
        .is_some_and(|failures| failures.count >= limit && now < failures.last + minutes * 60_000)
}
