//! What the surface says of what passes on a socket, for the conversation there.
//!
//! Methods are judged by the table that judges REST; a name in another case than Rocket.Chat's own is none that logs in or out.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::config::websocket::Anonymous;
use crate::ddp::{Code, Denied, Judge, Ruling, Unreadable};
use crate::surface::method_call::Call;
use crate::surface::{Action, Denial, Surface, boot, scrub};

/// The rules of one socket; cheap to clone.
#[derive(Clone, Debug)]
pub struct Rulings {
    surface: Arc<Surface>,
    /// May what a client boots with pass before anybody is logged in?
    boots: bool,
}

impl Rulings {
    /// Nothing but the login itself passes on an anonymous socket where `anonymous` says so. Somebody who was identified at the
    /// upgrade boots like any client: it does not log them in any sooner.
    #[must_use]
    pub fn new(surface: Arc<Surface>, anonymous: Anonymous, identified: bool) -> Self {
        Self {
            surface,
            boots: identified || anonymous == Anonymous::Minimal,
        }
    }

    fn boot(&self, boots: bool, otherwise: Ruling) -> Ruling {
        if boots && self.boots {
            Ruling::Boot
        } else {
            otherwise
        }
    }
}

impl Judge for Rulings {
    fn method(&self, name: &str, params: Option<&RawValue>) -> Ruling {
        let call = Call {
            method: name.into(),
            params,
            id: None,
        };
        match self.surface.judge_call(&call) {
            Action::Forward => self.boot(boot::has_method(name), Ruling::Pass),
            Action::Scrub(_) => Ruling::PassScrubbed,
            Action::Login(_) if name == "login" => Ruling::Login,
            Action::Logout if name == "logout" => Ruling::Logout,
            Action::Deny(denial) => denied(denial),
            Action::Login(_) | Action::Logout | Action::Inspect(_) => denied(Denial::Login),
        }
    }

    fn subscription(&self, name: &str, params: Option<&RawValue>) -> Ruling {
        if boot::has_subscription(name, params) {
            return self.boot(true, Ruling::Pass);
        }
        if scrub::may_tell_secrets(name, params) {
            return Ruling::PassScrubbed;
        }
        Ruling::Pass
    }

    fn scrub(&self, message: &[u8]) -> Result<Option<Vec<u8>>, Unreadable> {
        scrub::event(message).map_err(|_| Unreadable)
    }
}

fn denied(denial: Denial) -> Ruling {
    Ruling::Deny(Denied {
        code: Code::Forbidden,
        reason: denial.detail(),
    })
}
