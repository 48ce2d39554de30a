//! What goes wrong with Redis, and what of it passes by itself.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use redis::{ErrorKind, RedisError};

use crate::session::store::StoreError;

/// Why a call had no answer that we could use.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("Redis did not answer within {0:?}")]
    Late(Duration),
    #[error("too many calls wait for Redis already")]
    Crowded,
    #[error("none of the sentinels names a master {master:?}")]
    Nameless { master: String },
    #[error("cannot read {}", path.display())]
    Certificate {
        path: PathBuf,
        #[source]
        cause: Arc<std::io::Error>,
    },
    #[error("the configuration lists no node to ask")]
    Nowhere,
    #[error("a batch of {0} bytes or entries is more than Redis is asked to take at once")]
    TooMuch(usize),
    #[error("Redis refused or broke off")]
    Redis(#[from] RedisError),
}

/// What a failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Passes by itself, over the same connection.
    Busy,
    /// This connection is of no more use: it broke, or the node at its end is not the one to write to.
    Gone,
    /// Somebody must do something.
    Broken(Trouble),
}

/// What somebody must do something about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Login,
    Permission,
    Memory,
    Disk,
    Type,
    Other,
}

/// Refusals of a node that will answer again, or that another node will answer.
const PASSING: [(&str, Meaning); 12] = [
    ("TRYAGAIN", Meaning::Busy),
    ("ASK", Meaning::Busy),
    ("BUSY", Meaning::Busy),
    ("LOADING", Meaning::Gone),
    ("CLUSTERDOWN", Meaning::Gone),
    ("READONLY", Meaning::Gone),
    ("MASTERDOWN", Meaning::Gone),
    ("MOVED", Meaning::Gone),
    ("UNBLOCKED", Meaning::Gone),
    // A master that is cut off from its replicas: sentinels may know another by now.
    ("NOREPLICAS", Meaning::Gone),
    ("NOAUTH", Meaning::Broken(Trouble::Login)),
    ("WRONGPASS", Meaning::Broken(Trouble::Login)),
];

/// Refusals that do not pass.
const LASTING: [(&str, Trouble); 4] = [
    ("NOPERM", Trouble::Permission),
    ("OOM", Trouble::Memory),
    ("MISCONF", Trouble::Disk),
    ("WRONGTYPE", Trouble::Type),
];

impl Failure {
    pub(super) fn meaning(&self) -> Meaning {
        match self {
            Self::Late(_) | Self::Nameless { .. } => Meaning::Gone,
            Self::Crowded => Meaning::Busy,
            Self::Certificate { .. } | Self::Nowhere | Self::TooMuch(_) => {
                Meaning::Broken(Trouble::Other)
            }
            Self::Redis(error) => refusal(error),
        }
    }
}

fn refusal(error: &RedisError) -> Meaning {
    match error.kind() {
        ErrorKind::Io => return Meaning::Gone,
        ErrorKind::AuthenticationFailed => return Meaning::Broken(Trouble::Login),
        _ => {}
    }
    let passing = PASSING.into_iter();
    let lasting = LASTING.map(|(code, trouble)| (code, Meaning::Broken(trouble)));
    let mut known = passing.chain(lasting);
    let code = error.code().unwrap_or_default();
    // Redis takes no long command from whoever gave no password, and says so in words of its own.
    if error.to_string().contains("unauthenticated") {
        return Meaning::Broken(Trouble::Login);
    }
    let found = if code == "ERR" {
        // Before 7.0 what a command in a script was refused for stands inside of the script's own error.
        let text = error.to_string();
        known.find(|(code, _)| {
            text.split(|c: char| !c.is_ascii_uppercase())
                .any(|word| word == *code)
        })
    } else {
        known.find(|(known, _)| *known == code)
    };
    found.map_or(Meaning::Broken(Trouble::Other), |(_, meaning)| meaning)
}

impl Trouble {
    /// What somebody should do about it.
    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::Login => "check the user name and the password",
            Self::Permission => "the ACL user lacks a permission",
            Self::Memory => "Redis has no memory left: raise maxmemory, or find what else fills it",
            Self::Disk => "Redis cannot write to its disk: see its own log",
            Self::Type => "something else writes below the key prefix: give Gantry its own",
            Self::Other => "see the cause",
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure.meaning() {
            Meaning::Busy | Meaning::Gone => Self::Away(Arc::new(failure)),
            Meaning::Broken(_) => Self::Broken(Arc::new(failure)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(answer: &str) -> Meaning {
        let answer = format!("-{answer}\r\n");
        match redis::parse_redis_value(answer.as_bytes()) {
            Ok(redis::Value::ServerError(error)) => Failure::Redis(error.into()).meaning(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn refusals_that_pass_are_no_fault_of_anybody() {
        let table = [
            (
                "TRYAGAIN Multiple keys request during rehashing of slot",
                Meaning::Busy,
            ),
            ("BUSY Redis is busy running a script.", Meaning::Busy),
            (
                "LOADING Redis is loading the dataset in memory",
                Meaning::Gone,
            ),
            ("CLUSTERDOWN The cluster is down", Meaning::Gone),
            (
                "READONLY You can't write against a read only replica.",
                Meaning::Gone,
            ),
            ("MOVED 1 10.0.0.1:6379", Meaning::Gone),
            ("MASTERDOWN Link with MASTER is down", Meaning::Gone),
            (
                "NOREPLICAS Not enough good replicas to write.",
                Meaning::Gone,
            ),
            (
                "ERR Error running script (call to f_1): @user_script:9: -READONLY You can't write",
                Meaning::Gone,
            ),
            (
                "ERR Error running script (call to f_1): @user_script:9: WRONGTYPE Operation",
                Meaning::Broken(Trouble::Type),
            ),
            (
                "WRONGTYPE Operation against a key",
                Meaning::Broken(Trouble::Type),
            ),
            ("OOM command not allowed", Meaning::Broken(Trouble::Memory)),
            (
                "MISCONF Redis is configured to save",
                Meaning::Broken(Trouble::Disk),
            ),
            (
                "NOPERM this user has no permissions",
                Meaning::Broken(Trouble::Permission),
            ),
            (
                "NOAUTH Authentication required.",
                Meaning::Broken(Trouble::Login),
            ),
            (
                "ERR Protocol error: unauthenticated multibulk length",
                Meaning::Broken(Trouble::Login),
            ),
            ("ERR unknown command", Meaning::Broken(Trouble::Other)),
        ];
        for (answer, right) in table {
            assert_eq!(meaning(answer), right, "{answer}");
        }
    }
}
