//! How often methods and subscriptions may be called (RC §5.4).
//!
//! Windows are fixed and begin with the first call; a call over the limit is refused with the time
//! until its window ends. What is counted: the user, the connection, and each with the method's
//! name. Tunnelled calls count on the token as their connection.

use std::collections::HashMap;

use serde_json::json;

use crate::answers::MeteorError;
use crate::moment::Millis;

/// Windows remembered before those that have ended are thrown away.
const MOST_WINDOWS: usize = 10_000;
/// The methods that Meteor's own rule holds back, per connection.
const LOGINS: [&str; 4] = ["login", "createUser", "resetPassword", "forgotPassword"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Rule {
    Address,
    User,
    Connection,
    UserByMethod,
    ConnectionByMethod,
    Login,
}

impl Rule {
    /// Calls and window in milliseconds.
    fn allows(self, method: &str) -> (u32, Millis) {
        let factor = if method.starts_with("stream-") { 4 } else { 1 };
        match self {
            Self::Address => (120_000, 60_000),
            Self::User => (1_200, 60_000),
            Self::Connection => (600, 60_000),
            Self::UserByMethod => (20 * factor, 10_000),
            Self::ConnectionByMethod => (10 * factor, 10_000),
            Self::Login => (5, 10_000),
        }
    }
}

/// Who calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calling<'a> {
    /// The connection's id, or what stands for it.
    pub(crate) connection: &'a str,
    /// The user, once logged in.
    pub(crate) user: Option<&'a str>,
    /// The client's address as RC sees it.
    pub(crate) address: &'a str,
}

#[derive(Debug)]
struct Window {
    calls: u32,
    ends: Millis,
}

/// All windows of the workspace.
#[derive(Debug, Default)]
pub(crate) struct MethodLimits {
    windows: HashMap<(Rule, String, String), Window>,
}

impl MethodLimits {
    /// Counts one call; refused when a rule is exceeded.
    pub(crate) fn count(
        &mut self,
        calling: Calling<'_>,
        method: &str,
        now: Millis,
    ) -> Result<(), MeteorError> {
        if self.windows.len() > MOST_WINDOWS {
            self.windows.retain(|_, window| window.ends > now);
        }
        let mut rules = vec![
            (Rule::Connection, calling.connection, ""),
            (Rule::ConnectionByMethod, calling.connection, method),
        ];
        if calling.address != "127.0.0.1" {
            rules.push((Rule::Address, calling.address, ""));
        }
        if let Some(user) = calling.user {
            rules.push((Rule::User, user, ""));
            rules.push((Rule::UserByMethod, user, method));
        }
        if LOGINS.contains(&method) {
            rules.push((Rule::Login, calling.connection, method));
        }
        let mut wait = 0;
        for (rule, subject, named) in rules {
            wait = wait.max(self.take((rule, subject, named), rule.allows(method), now));
        }
        if wait == 0 {
            Ok(())
        } else {
            Err(too_many(wait))
        }
    }

    /// Takes one call from a window; the milliseconds to wait if there was none left.
    fn take(&mut self, key: (Rule, &str, &str), allowed: (u32, Millis), now: Millis) -> Millis {
        let (rule, subject, named) = key;
        let (calls, length) = allowed;
        let window = self
            .windows
            .entry((rule, subject.to_owned(), named.to_owned()))
            .or_insert(Window {
                calls: 0,
                ends: now + length,
            });
        if window.ends <= now {
            *window = Window {
                calls: 0,
                ends: now + length,
            };
        }
        window.calls = window.calls.saturating_add(1);
        if window.calls > calls {
            window.ends - now
        } else {
            0
        }
    }
}

fn too_many(wait: Millis) -> MeteorError {
    let seconds = (wait + 999) / 1_000;
    let reason = format!(
        "Error, too many requests. Please slow down. You must wait {seconds} seconds before trying again."
    );
    MeteorError::new("too-many-requests", reason).with_details(json!({"timeToReset": wait}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls_until_refused(method: &str, user: Option<&str>) -> usize {
        let mut limits = MethodLimits::default();
        let calling = Calling {
            connection: "c",
            user,
            address: "127.0.0.1",
        };
        (0..1_000)
            .take_while(|_| limits.count(calling, method, 5).is_ok())
            .count()
    }

    #[test]
    fn rc_5_4_each_rule_holds_at_its_default() {
        assert_eq!(calls_until_refused("loadHistory", Some("u")), 10);
        assert_eq!(calls_until_refused("stream-notify-room", Some("u")), 40);
        assert_eq!(calls_until_refused("login", None), 5);
    }

    #[test]
    fn rc_5_4_a_user_is_counted_over_all_connections() {
        let mut limits = MethodLimits::default();
        let taken = (0..100)
            .take_while(|at| {
                let connection = format!("c{}", at / 5);
                let calling = Calling {
                    connection: &connection,
                    user: Some("u"),
                    address: "127.0.0.1",
                };
                limits.count(calling, "m", 5).is_ok()
            })
            .count();
        assert_eq!(taken, 20);
    }

    #[test]
    fn a_new_window_begins_when_the_old_has_ended() {
        let mut limits = MethodLimits::default();
        let calling = Calling {
            connection: "c",
            user: None,
            address: "127.0.0.1",
        };
        for _ in 0..5 {
            limits.count(calling, "login", 0).unwrap();
        }
        let refused = limits.count(calling, "login", 4_000).unwrap_err();
        assert_eq!(
            refused.details.as_deref(),
            Some(&json!({"timeToReset": 6_000}))
        );
        assert!(refused.reason.contains("wait 6 seconds"));
        limits.count(calling, "login", 10_000).unwrap();
    }
}
