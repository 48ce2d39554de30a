//! Who is there: a user's presence, from the sockets they are logged in on and from their own wish.
//!
//! A login over REST makes nobody present (RC §12, `users.getPresence`), a login on a socket does, and
//! the end of the last such socket ends it. Clients say `UserPresence:away` and `:online` for their
//! socket and `setUserStatus` for the user, both on the socket itself (RC §6.5).

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use crate::state::{App, Event, State};

/// What others see of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Status {
    /// On no socket, or wishing not to be seen.
    #[default]
    Offline,
    /// On a socket that is in use.
    Online,
    /// On sockets that nobody uses.
    Away,
    /// Wishing not to be disturbed.
    Busy,
}

impl Status {
    /// The name in methods, REST answers and `userData`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Online => "online",
            Self::Away => "away",
            Self::Busy => "busy",
        }
    }

    /// The number in the streams of presence.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Offline => 0,
            Self::Online => 1,
            Self::Away => 2,
            Self::Busy => 3,
        }
    }

    /// The status of a name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        [Self::Offline, Self::Online, Self::Away, Self::Busy]
            .into_iter()
            .find(|status| status.name() == name)
    }
}

/// Everybody's presence, by user id.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    people: HashMap<String, Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    sockets: BTreeMap<String, Status>,
    wish: Option<Status>,
    text: String,
}

impl Seen {
    fn status(&self) -> Status {
        let connected = if self
            .sockets
            .values()
            .any(|status| *status == Status::Online)
        {
            Status::Online
        } else if self.sockets.is_empty() {
            return Status::Offline;
        } else {
            Status::Away
        };
        match self.wish {
            None | Some(Status::Online) => connected,
            Some(wish) => wish,
        }
    }
}

impl Presence {
    /// What others see of a user.
    pub(crate) fn status(&self, user_id: &str) -> Status {
        self.people
            .get(user_id)
            .map_or(Status::Offline, Seen::status)
    }

    /// The user's own words about what they are doing.
    pub(crate) fn text(&self, user_id: &str) -> &str {
        self.people.get(user_id).map_or("", |seen| &seen.text)
    }

    /// Changes what is known of a user. Whether others see a difference.
    fn change(&mut self, user_id: &str, change: impl FnOnce(&mut Seen)) -> bool {
        let seen = self.people.entry(user_id.to_owned()).or_default();
        let before = (seen.status(), seen.text.clone());
        change(seen);
        let differs = before != (seen.status(), seen.text.clone());
        // Who wishes nothing and is on no socket takes no room: benches log in by the ten thousand.
        if seen.sockets.is_empty() && seen.wish.is_none() && seen.text.is_empty() {
            self.people.remove(user_id);
        }
        differs
    }
}

/// A user's socket is there, in use or not.
pub(crate) fn there(app: &App, user_id: &str, socket: &str, status: Status) {
    let mut state = app.state();
    let differs = state.presence.change(user_id, |seen| {
        seen.sockets.insert(socket.to_owned(), status);
    });
    if differs {
        tell(app, &state, user_id);
    }
}

/// A user's socket is gone, or no longer theirs.
pub(crate) fn gone(app: &App, user_id: &str, socket: &str) {
    let mut state = app.state();
    let differs = state.presence.change(user_id, |seen| {
        seen.sockets.remove(socket);
    });
    if differs {
        tell(app, &state, user_id);
    }
}

/// A user wishes to be seen so, and may say why; each is left as it was when not given.
pub(crate) fn wish(app: &App, user_id: &str, status: Option<Status>, text: Option<&str>) {
    let mut state = app.state();
    let differs = state.presence.change(user_id, |seen| {
        seen.wish = status.or(seen.wish);
        if let Some(text) = text {
            text.clone_into(&mut seen.text);
        }
    });
    if differs {
        tell(app, &state, user_id);
    }
}

/// Tells the sockets, if any of them listens for it. The state stays locked meanwhile, so that they
/// hear of changes in order.
fn tell(app: &App, state: &State, user_id: &str) {
    let Some(user) = state.users.get(user_id) else {
        return;
    };
    let (status, text) = (state.presence.status(user_id), state.presence.text(user_id));
    if app.ears.anybody() {
        let _ = app.events.send(Event::Seen(Box::new(SeenAs {
            user_id: user_id.to_owned(),
            username: user.username.clone(),
            name: user.name.clone(),
            roles: user.roles.clone(),
            status,
            text: text.to_owned(),
        })));
        let diff = json!({"status": status.name(), "statusText": text});
        let _ = app.events.send(Event::user_changed(user_id, diff));
    }
}

/// A change of presence, on its way to the sockets.
#[derive(Clone, Debug)]
pub(crate) struct SeenAs {
    pub(crate) user_id: String,
    username: String,
    name: String,
    roles: Vec<String>,
    status: Status,
    text: String,
}

impl SeenAs {
    /// The argument of `user-status`, the stream for all who are logged in.
    pub(crate) fn for_all(&self) -> Value {
        let (status, text) = (self.status.number(), &self.text);
        json!([
            self.user_id,
            self.username,
            status,
            text,
            self.name,
            self.roles
        ])
    }

    /// The argument of `stream-user-presence`, for those who watch this user.
    pub(crate) fn for_watchers(&self) -> Value {
        json!([self.username, self.status.number(), self.text])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_liveliest_socket_counts_and_a_wish_overrides_it() {
        let mut presence = Presence::default();
        let mut check = |change: &dyn Fn(&mut Seen), expected: (Status, bool)| {
            let differs = presence.change("u", change);
            assert_eq!((presence.status("u"), differs), expected);
        };
        let socket = |name: &'static str, status| {
            move |seen: &mut Seen| {
                seen.sockets.insert(name.to_owned(), status);
            }
        };
        check(&|_| (), (Status::Offline, false));
        check(&socket("a", Status::Away), (Status::Away, true));
        check(&socket("b", Status::Online), (Status::Online, true));
        check(&|seen| seen.wish = Some(Status::Busy), (Status::Busy, true));
        check(&socket("b", Status::Away), (Status::Busy, false));
        let online = Some(Status::Online);
        check(&move |seen| seen.wish = online, (Status::Away, true));
        check(&|seen| seen.sockets.clear(), (Status::Offline, true));
    }

    #[test]
    fn who_is_gone_and_wishes_nothing_takes_no_room() {
        let mut presence = Presence::default();
        presence.change("u", |seen| {
            seen.sockets.insert("a".to_owned(), Status::Online);
        });
        presence.change("u", |seen| seen.sockets.clear());
        assert!(presence.people.is_empty());
    }
}
