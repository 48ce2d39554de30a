//! The session cookie: a stand-in that the browser keeps out of reach of scripts (RFC 6265bis).
//!
//! It names no domain, so no other host of the site gets it; in an iframe on another site only a partitioned one comes back.

use std::time::SystemTime;

use http::{HeaderMap, HeaderValue, header};

use crate::clock::Clock;
use crate::config::iframe::{SameSite, SessionCookie};
use crate::headers;
use crate::session::{Admitted, StandIn};

/// Cookies that Rocket.Chat's client sets by script (RC §7.1); a logout must not leave them to the next person.
const ROCKETCHATS: [&str; 2] = ["rc_uid", "rc_token"];

/// Sets and expires the session cookie; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Cookie {
    name: String,
    /// Everything behind the value but its age.
    attributes: String,
    /// The same for a cookie that scripts set.
    open_attributes: String,
    clock: Clock,
}

impl Cookie {
    pub(super) fn new(cookie: &SessionCookie, clock: Clock) -> Self {
        let same_site = match cookie.same_site {
            SameSite::None => "None",
            SameSite::Lax => "Lax",
            SameSite::Strict => "Strict",
        };
        let mut open_attributes = format!("; Path=/; SameSite={same_site}");
        if cookie.secure {
            open_attributes.push_str("; Secure");
        }
        let mut attributes = format!("{open_attributes}; HttpOnly");
        if cookie.partitioned {
            attributes.push_str("; Partitioned");
        }
        Self {
            name: cookie.name.clone(),
            attributes,
            open_attributes,
            clock,
        }
    }

    /// Sets it to the stand-in of a session, for as long as the session may live as known now.
    pub(super) fn set(&self, headers: &mut HeaderMap, admitted: &Admitted, stand_in: &StandIn) {
        let left = left(admitted.session.expires_at(), self.clock.now());
        let (name, attributes) = (&self.name, &self.attributes);
        let text = format!("{name}={}{attributes}; Max-Age={left}", stand_in.reveal());
        append(headers, &text);
    }

    /// Sets it again if the request came with it: a session that a newer JWT has extended keeps its cookie as long.
    pub(super) fn renew(
        &self,
        request: &HeaderMap,
        headers: &mut HeaderMap,
        (admitted, stand_in): (&Admitted, &StandIn),
    ) {
        if headers::cookie::values(request, &self.name)
            .next()
            .is_some()
        {
            self.set(headers, admitted, stand_in);
        }
    }

    /// Takes it out of the browser, and what Rocket.Chat's client has put beside it.
    pub(super) fn expire(&self, headers: &mut HeaderMap) {
        append(
            headers,
            &format!("{}={}; Max-Age=0", self.name, self.attributes),
        );
        for name in ROCKETCHATS {
            append(
                headers,
                &format!("{name}={}; Max-Age=0", self.open_attributes),
            );
        }
    }
}

/// Seconds from now to then; 0 when then has passed.
fn left(then: SystemTime, now: SystemTime) -> u64 {
    then.duration_since(now).unwrap_or_default().as_secs()
}

fn append(headers: &mut HeaderMap, text: &str) {
    // A name that was validated, base64url and our own attributes make a valid value.
    if let Ok(mut value) = HeaderValue::try_from(text) {
        value.set_sensitive(true);
        headers.append(header::SET_COOKIE, value);
    }
}
