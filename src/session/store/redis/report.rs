//! What the log says about Redis: one line whenever that changes, however many calls it concerns.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::config::session::redis::Node;
use crate::session::store::redis::PERMISSIONS;
use crate::session::store::redis::failure::{Failure, Meaning, Trouble};
use crate::session::store::redis::names::Names;
use crate::telemetry::logging::chain;

/// A trouble that comes and goes is not told of more often than this.
const TOLD_AGAIN: Duration = Duration::from_secs(60);

/// Speaks of changes.
#[derive(Debug)]
pub(super) struct Report {
    permissions: String,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    condition: Condition,
    since: Option<Instant>,
    of_eviction: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Condition {
    #[default]
    Unknown,
    Well,
    Away,
    Troubled(Trouble),
}

impl Report {
    pub(super) fn new(names: &Names) -> Self {
        Self {
            permissions: permissions(names),
            told: Mutex::default(),
        }
    }

    /// A connection stands, and does everything it should.
    pub(super) fn well(&self, node: &Node) {
        if self.change(Condition::Well) {
            info!("the session store is connected: Redis at {node}");
        }
    }

    /// Everything that a store does was done.
    pub(super) fn recovered(&self) {
        let mut told = self.told();
        let settled = match told.condition {
            Condition::Well => return,
            Condition::Unknown | Condition::Away => true,
            Condition::Troubled(_) => told.since.is_none_or(|since| since.elapsed() > TOLD_AGAIN),
        };
        if settled {
            told.condition = Condition::Well;
            drop(told);
            info!("the session store works again");
        }
    }

    pub(super) fn is_well(&self) -> bool {
        self.told().condition == Condition::Well
    }

    /// Something was not answered as it should.
    pub(super) fn failed(&self, failure: &Failure) {
        match failure.meaning() {
            Meaning::Busy => {}
            Meaning::Gone => {
                if self.change(Condition::Away) {
                    warn!(
                        error = chain(failure),
                        "the session store is away; it is sought until it is found"
                    );
                }
            }
            Meaning::Broken(trouble) => {
                if self.change(Condition::Troubled(trouble)) {
                    let advice = trouble.advice();
                    let needed = match trouble {
                        Trouble::Permission => self.permissions.as_str(),
                        _ => "",
                    };
                    error!(
                        error = chain(failure),
                        "the session store refuses what it is asked: {advice}{needed}"
                    );
                }
            }
        }
    }

    /// What Redis says about its memory.
    pub(super) fn memory(&self, memory: &str) {
        let Some(policy) = eviction(memory) else {
            return;
        };
        if !std::mem::replace(&mut self.told().of_eviction, true) {
            warn!(
                "Redis may drop sessions when its memory is full, because its maxmemory-policy is {policy}: set it to noeviction"
            );
        }
    }

    /// Notes the condition; is it another than before?
    fn change(&self, condition: Condition) -> bool {
        let mut told = self.told();
        if told.condition == condition {
            return false;
        }
        told.condition = condition;
        told.since = Some(Instant::now());
        true
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The policy by which keys may be dropped, if any may; what has a life is no better off than the rest, because sessions have one.
pub(super) fn eviction(memory: &str) -> Option<&str> {
    let line = |name: &str| {
        memory
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    };
    let policy = line("maxmemory_policy")?;
    let bounded = line("maxmemory")? != "0";
    (bounded && policy != "noeviction").then_some(policy)
}

/// What the ACL user needs, in Redis's own words.
pub(super) fn permissions(names: &Names) -> String {
    format!("; it needs ~{}* {PERMISSIONS}", names.beginning())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eviction_is_a_danger_only_where_memory_is_bounded() {
        let table = [
            ("maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n", None),
            ("maxmemory:9\r\nmaxmemory_policy:noeviction\r\n", None),
            (
                "maxmemory:9\r\nmaxmemory_policy:allkeys-lru\r\n",
                Some("allkeys-lru"),
            ),
            (
                "maxmemory_human:9B\r\nmaxmemory:9\r\nmaxmemory_policy:volatile-ttl\r\n",
                Some("volatile-ttl"),
            ),
            ("", None),
        ];
        for (memory, right) in table {
            assert_eq!(eviction(memory), right, "{memory}");
        }
    }
}
