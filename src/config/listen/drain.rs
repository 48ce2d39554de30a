//! Keys `listen.drain`: how the service stops.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::key::Key;
use crate::config::types::DurationText;
use crate::config::validation::{Checked, Validation};

/// How the service stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// From the signal on, how long new connections are still taken, so that whoever sends them learns of it; default 0 s.
    pub delay: Duration,
    /// After that, over which time sockets are closed one after the other; default 10 s.
    pub spread: Duration,
    /// From the signal to the end of the program, at most; default 25 s, no less than the two above together.
    pub timeout: Duration,
}

/// Bounds of `timeout`: less finishes nothing, and nobody waits longer for a restart.
const TIMEOUT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60 * 60));

/// The keys as the file has them.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct DrainFile {
    /// After SIGTERM, how long connections are still taken while `/readyz` answers 503: longer than load balancers need to see that.
    delay: DurationText,
    /// After `delay`, the time over which sockets are closed (1001), evenly, so that their clients do not come back all at once.
    spread: DurationText,
    /// Longest time from SIGTERM to the exit, 1 second to 1 hour: at least `delay` and `spread` together, and less than what stops
    /// Gantry waits before it kills.
    timeout: DurationText,
}

impl Default for DrainFile {
    fn default() -> Self {
        Self {
            delay: "0s".into(),
            spread: "10s".into(),
            timeout: "25s".into(),
        }
    }
}

impl DrainFile {
    /// Checks the keys at `key`.
    pub(super) fn validate(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<Drain> {
        let longest = TIMEOUT.1;
        let delay = validation.tolerance(&key.field("delay"), &self.delay, longest);
        let spread = validation.tolerance(&key.field("spread"), &self.spread, longest);
        let timeout = validation.period(&key.field("timeout"), &self.timeout, TIMEOUT);
        let drain = Drain {
            delay: delay?,
            spread: spread?,
            timeout: timeout?,
        };
        if drain.delay + drain.spread > drain.timeout {
            let problem = format!(
                "`delay` ({}) and `spread` ({}) do not fit in {}; shorten them, or give a longer `timeout`",
                self.delay.as_str(),
                self.spread.as_str(),
                self.timeout.as_str(),
            );
            return Err(validation.mistake(&key.field("timeout"), problem));
        }
        Ok(drain)
    }
}
