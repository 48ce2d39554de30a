//! Sessions as administrators see and end them.
//!
//! Looking is one pass over all sessions that marks no use of them; it is for people and scripts, and nothing on the way of a request
//! asks here. All of it is async, because sessions need not be in this process.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::jwt::PrincipalKey;
use crate::session::moment::Moment;
use crate::session::outbox::Whom;
use crate::session::record::Session;
use crate::session::tombstone::Tombstone;
use crate::session::{EndCause, ExchangeError, Inner, Sessions};

mod everywhere;

/// Auth tokens that Rocket.Chat keeps for one user before it drops the oldest (RC §3.4).
pub const ROCKETCHAT_KEEPS: usize = 50;

/// Which sessions are looked for; what is absent does not matter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Rocket.Chat user id or username.
    pub user: Option<String>,
    /// The exact issuer.
    pub issuer: Option<String>,
    /// Began at least this long ago.
    pub older_than: Option<Duration>,
    /// Neither used nor with an open socket for at least this long.
    pub idle_for: Option<Duration>,
}

/// Which part of what is found is wanted.
#[derive(Clone, Debug)]
pub struct Page {
    /// Go on behind this place; `None` begins with the youngest session.
    pub after: Option<Cursor>,
    /// At most so many.
    pub limit: usize,
}

/// A place in the list of all sessions, the youngest first. It stays where it is whatever begins and ends meanwhile, so that a session
/// that is there all along is met once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    began: Moment,
    id: String,
}

/// Where a session stands in the list: the youngest first, and of one moment by their ids.
type Place<'a> = (Reverse<Moment>, &'a str);

/// One page of the list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The sessions, the youngest first.
    pub sessions: Vec<Summary>,
    /// Where the next page begins, if there is more.
    pub next: Option<Cursor>,
}

/// What administrators are told of a session; nothing in it opens anything.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Random, ours, safe to log.
    pub id: String,
    /// The issuer of its principal.
    pub issuer: Arc<str>,
    /// The Rocket.Chat user's id.
    pub user_id: String,
    /// The Rocket.Chat username.
    pub username: String,
    /// When it began.
    pub began: SystemTime,
    /// When it was last used; an open socket is no use by itself.
    pub last_used: SystemTime,
    /// The latest moment it may live to, as known now.
    pub expires_at: SystemTime,
    /// Open sockets.
    pub sockets: usize,
}

/// What Gantry knows of a principal.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its live sessions, the youngest first.
    pub sessions: Vec<Summary>,
    /// The auth tokens of its Rocket.Chat user; `None` when no live session says who that is.
    pub tokens: Option<Tokens>,
}

/// Auth tokens of one Rocket.Chat user that came from Gantry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// In use by sessions, whoever's principal's they are.
    pub held: usize,
    /// Owed a logout.
    pub owed: usize,
}

impl Sessions {
    /// Live sessions, the youngest first: those of all processes, where a store is shared. A page may have fewer than it could when the
    /// filter leaves few; it says where to go on all the same.
    ///
    /// # Errors
    /// [`ExchangeError::Store`].
    pub async fn list(&self, filter: Filter, page: Page) -> Result<Listed, ExchangeError> {
        match &self.0.shared {
            Some(together) => self.0.list_shared(&together.store, &filter, page).await,
            None => Ok(self.list_here(&filter, &page)),
        }
    }

    fn list_here(&self, filter: &Filter, page: &Page) -> Listed {
        let inner = &*self.0;
        let now = Moment::of(inner.clock.now());
        // Holds one more than a page: the oldest falls out, and whether one is too many says whether there is more.
        let mut found = BinaryHeap::with_capacity(page.limit + 2);
        let behind = |session: &Session| {
            let after = page.after.as_ref();
            after.is_none_or(|after| session.place() > after.place())
        };
        for session in inner.local.all() {
            if behind(&session) && !session.ended() && filter.takes(&session, now) {
                found.push(Placed(session));
            }
            if found.len() > page.limit + 1 {
                found.pop();
            }
        }
        let mut found = found.into_sorted_vec();
        let more = found.len() > page.limit;
        found.truncate(page.limit);
        Listed {
            next: found
                .last()
                .filter(|_| more)
                .map(|last| Cursor::at(&last.0)),
            sessions: summaries(found.iter().map(|placed| &placed.0)),
        }
    }

    /// The live session with this id.
    ///
    /// # Errors
    /// [`ExchangeError::Store`].
    pub async fn find(&self, id: &str) -> Result<Option<Summary>, ExchangeError> {
        let session = self.0.by_id(id).await?;
        Ok(session.map(|session| session.summary()))
    }

    /// Ends the session with this id for good: its JWTs up to now are refused, as after a logout. What it was comes back.
    ///
    /// # Errors
    /// [`ExchangeError::Store`].
    pub async fn end_by_id(&self, id: &str) -> Result<Option<Summary>, ExchangeError> {
        let Some(session) = self.0.by_id(id).await? else {
            return Ok(None);
        };
        let summary = session.summary();
        let written = self.0.end_for_good(&session, EndCause::Revoked);
        written.settled().await;
        Ok(Some(summary))
    }

    /// What is known of a principal.
    ///
    /// # Errors
    /// [`ExchangeError::Store`].
    pub async fn principal(&self, principal: &PrincipalKey) -> Result<Known, ExchangeError> {
        let inner = &*self.0;
        if let Some(together) = &inner.shared {
            return inner.principal_shared(&together.store, principal).await;
        }
        let mut sessions = inner.local.of_principal(principal);
        sessions.retain(|session| !session.ended());
        sessions.sort_by(|one, other| one.place().cmp(&other.place()));
        let sessions = summaries(sessions.iter());
        let user_id = sessions.first().map(|session| session.user_id.clone());
        Ok(Known {
            sessions,
            tokens: user_id.map(|user_id| inner.tokens_of(&user_id)),
        })
    }

    /// Ends all sessions of a principal for good: every JWT of it up to now is refused, also those that nobody has shown yet, and
    /// exchanges that run end when they land. What the sessions were comes back.
    ///
    /// # Errors
    /// [`ExchangeError::Store`], and nothing has ended.
    pub async fn end_principal(
        &self,
        principal: &PrincipalKey,
    ) -> Result<Vec<Summary>, ExchangeError> {
        let inner = &*self.0;
        let now = Moment::of(inner.clock.now());
        let ended = self.principal(principal).await?.sessions;
        let whom = Whom::Principal(*principal);
        inner
            .end_all_for_good(&whom, EndCause::Revoked, now, Tombstone::by_admin)
            .settled()
            .await;
        Ok(ended)
    }
}

impl Inner {
    fn tokens_of(&self, user_id: &str) -> Tokens {
        let all = self.local.all();
        let held = all.iter().filter(|session| {
            !session.ended() && session.current().credentials.user_id() == user_id
        });
        Tokens {
            held: held.count(),
            owed: self.revoker.owed_to(user_id),
        }
    }
}

impl Filter {
    fn takes(&self, session: &Arc<Session>, now: Moment) -> bool {
        let is_users = |user: &String| {
            user == session.username() || user == session.current().credentials.user_id()
        };
        self.user.as_ref().is_none_or(is_users)
            && self
                .issuer
                .as_ref()
                .is_none_or(|issuer| issuer == session.issuer())
            && self
                .older_than
                .is_none_or(|age| session.began().after(age) <= now)
            && self
                .idle_for
                .is_none_or(|idle| session.last_used().after(idle) <= now)
    }
}

impl Cursor {
    fn at(session: &Session) -> Self {
        Self {
            began: session.began(),
            id: session.id().to_owned(),
        }
    }

    fn place(&self) -> Place<'_> {
        (Reverse(self.began), &self.id)
    }

    /// The place as text, for whoever asks for the next page.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}.{}", self.began.millis(), self.id)
    }

    /// Reads such a text. `None` when it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (began, id) = text.split_once('.')?;
        let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !began.bytes().all(|byte| byte.is_ascii_digit()) || !id.bytes().all(is_ours) {
            return None;
        }
        Some(Self {
            began: Moment::of_millis(began.parse().ok()?),
            id: id.to_owned(),
        })
    }
}

impl Session {
    fn place(&self) -> Place<'_> {
        (Reverse(self.began()), self.id())
    }

    fn summary(self: &Arc<Self>) -> Summary {
        Summary {
            id: self.id().to_owned(),
            issuer: self.shared_issuer(),
            user_id: self.current().credentials.user_id().to_owned(),
            username: self.username().to_owned(),
            began: self.began().time(),
            last_used: self.used().time(),
            expires_at: self.expires_at(),
            sockets: self.open_sockets(),
        }
    }
}

fn summaries<'a>(sessions: impl Iterator<Item = &'a Arc<Session>>) -> Vec<Summary> {
    sessions.map(Session::summary).collect()
}

/// A session by its place.
struct Placed(Arc<Session>);

impl PartialEq for Placed {
    fn eq(&self, other: &Self) -> bool {
        self.0.place() == other.0.place()
    }
}

impl Eq for Placed {}

impl PartialOrd for Placed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Placed {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.place().cmp(&other.0.place())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        let cursor = Cursor::parse("1767225600000.abc-_1").expect("a cursor");
        assert_eq!(cursor.text(), "1767225600000.abc-_1");
        for bad in [
            "",
            ".",
            "x.abc",
            "-1.abc",
            "+1.abc",
            "1",
            "1.a b",
            "1.a.b",
            "99999999999999999999.a",
        ] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn younger_sessions_come_first() {
        let cursor = |text| Cursor::parse(text).expect("a cursor");
        let [young, first, second] = ["2.a", "1.a", "1.b"].map(cursor);
        assert!(young.place() < first.place());
        assert!(first.place() < second.place());
    }
}
