//! The sessions of all processes that share a store, as administrators see them.
//!
//! Open sockets are those of this process: nobody else's are counted anywhere.

use crate::jwt::PrincipalKey;
use crate::session::directory::{Cursor, Filter, Known, Listed, Page, Summary, Tokens};
use crate::session::facts::Uses;
use crate::session::moment::Moment;
use crate::session::shared::codec::Kept;
use crate::session::shared::{Shared, keys};
use crate::session::store::Entry;
use crate::session::{ExchangeError, Inner};

/// Sessions looked at in one reading of the store.
const LOOKED_AT: usize = 200;

/// Readings for one page: a filter that leaves few must not hold up the store.
const LOOKS: usize = 25;

impl Inner {
    pub(super) async fn list_shared(
        &self,
        shared: &Shared,
        filter: &Filter,
        page: Page,
    ) -> Result<Listed, ExchangeError> {
        let now = Moment::of(self.clock.now());
        let mut listed = Listed {
            sessions: Vec::new(),
            next: page.after,
        };
        for _ in 0..LOOKS {
            let after = listed.next.as_ref().map(Cursor::entry);
            let found = shared.page(after, LOOKED_AT).await?;
            let last = found.len() < LOOKED_AT;
            for (entry, session) in found {
                if listed.sessions.len() >= page.limit {
                    return Ok(listed);
                }
                listed.next = Some(Cursor::of(&entry));
                if let Some((kept, uses)) = session
                    && filter.takes_kept(&kept, &uses, now)
                {
                    listed.sessions.push(self.summary(&kept, &uses));
                }
            }
            if last {
                listed.next = None;
                break;
            }
        }
        Ok(listed)
    }

    pub(super) async fn principal_shared(
        &self,
        shared: &Shared,
        principal: &PrincipalKey,
    ) -> Result<Known, ExchangeError> {
        let ids = shared.of_principal(principal).await?;
        let live = shared.live(&ids).await?;
        let mut sessions: Vec<_> = live.into_values().collect();
        sessions.sort_by_key(|(kept, _)| std::cmp::Reverse(kept.facts.began));
        let mut tokens: Vec<_> = sessions.iter().map(|(kept, _)| &kept.credentials).collect();
        tokens.dedup_by(|one, other| one.is_same(other));
        let user_id = tokens.first().map(|credentials| credentials.user_id());
        Ok(Known {
            tokens: user_id.map(|user_id| Tokens {
                held: tokens.len(),
                owed: self.revoker.owed_to(user_id),
            }),
            sessions: sessions
                .iter()
                .map(|(kept, uses)| self.summary(kept, uses))
                .collect(),
        })
    }

    fn summary(&self, kept: &Kept, uses: &Uses) -> Summary {
        let facts = &kept.facts;
        let here = self.local.of_id(&facts.id);
        let used = here.as_ref().map_or(uses.last_used, |here| here.used());
        Summary {
            id: facts.id.to_string(),
            issuer: facts.issuer.clone(),
            user_id: kept.credentials.user_id().to_owned(),
            username: facts.username.to_string(),
            began: facts.began.time(),
            last_used: used.max(uses.last_used).time(),
            expires_at: self.bounds(facts).latest_end(uses.token_expires).time(),
            sockets: here.map_or(0, |here| here.open_sockets()),
        }
    }
}

impl Filter {
    fn takes_kept(&self, kept: &Kept, uses: &Uses, now: Moment) -> bool {
        let facts = &kept.facts;
        let is_users =
            |user: &String| **user == *facts.username || user == kept.credentials.user_id();
        let is_older = |age| facts.began.after(age) <= now;
        let is_idle = |idle| uses.last_used.after(idle) <= now;
        self.user.as_ref().is_none_or(is_users)
            && self
                .issuer
                .as_ref()
                .is_none_or(|issuer| **issuer == *facts.issuer)
            && self.older_than.is_none_or(is_older)
            && self.idle_for.is_none_or(is_idle)
    }
}

impl Cursor {
    fn entry(&self) -> Entry {
        Entry {
            score: keys::youngest_first(self.began),
            member: self.id.clone(),
        }
    }

    fn of(entry: &Entry) -> Self {
        Self {
            began: Moment::of_millis(keys::youngest_first(Moment::of_millis(entry.score))),
            id: entry.member.clone(),
        }
    }
}
