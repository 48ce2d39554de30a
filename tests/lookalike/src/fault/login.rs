//! Faults of `login` on a socket: what a relay must live through between a client and Rocket.Chat.
//!
//! RC §6.3: the user's document, the result and `updated` come in no fixed order, so two of the faults are
//! only other orders. Each fault meets one login, in the order in which they were made.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::answers::MeteorError;
use crate::latch::Latch;

/// What happens to a login on a socket.
#[derive(Clone, Debug)]
pub enum LoginFault {
    /// The user is logged in, but no answer ever comes, and none to what the client asks afterwards: a
    /// connection's methods run one after the other.
    Silent,
    /// As [`LoginFault::Silent`], until the test has opened the latch.
    Held(Latch),
    /// 403, as for a token that was removed; nobody is logged in.
    Refused,
    /// The result and `updated` come twice.
    Twice,
    /// The result comes before `updated` and before the user's document.
    ResultFirst,
    /// The result comes after `updated` and after the user's document.
    ResultLast,
    /// The connection ends in the middle of the result's frame.
    CutShort,
}

/// The faults in force.
#[derive(Default)]
pub(crate) struct LoginFaults {
    list: Mutex<VecDeque<LoginFault>>,
}

impl LoginFaults {
    pub(crate) fn add(&self, fault: LoginFault) {
        self.list().push_back(fault);
    }

    pub(crate) fn clear(&self) {
        self.list().clear();
    }

    /// The fault that meets this login.
    pub(crate) fn take(&self) -> Option<LoginFault> {
        self.list().pop_front()
    }

    fn list(&self) -> MutexGuard<'_, VecDeque<LoginFault>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a login by a removed token is answered (RC §6.3).
pub(crate) fn logged_out() -> MeteorError {
    MeteorError::new(
        403,
        "You've been logged out by the server. Please log in again.",
    )
}
