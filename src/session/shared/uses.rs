//! What is noted of sessions' use, so that no process ends a session that is used at another.
//!
//! Use is noted now and then, a newer JWT at once. A session's time is only over when the notes of all agree.

use crate::session::facts::{Facts, Uses};
use crate::session::life::{Bounds, Times};
use crate::session::moment::Moment;
use crate::session::shared::codec;
use crate::session::shared::{Shared, keys};
use crate::session::store::{Batch, Entry, Expect, Key, Range, StoreError};

/// What was noted.
#[derive(Debug)]
pub(in crate::session) enum Noted {
    /// All that is known by now.
    Uses(Uses),
    /// The session has ended.
    Ended,
}

/// The use of one session, to be noted.
#[derive(Debug)]
pub(in crate::session) struct Note {
    pub(in crate::session) facts: Facts,
    pub(in crate::session) uses: Uses,
    pub(in crate::session) bounds: Bounds,
}

impl Shared {
    /// Notes the use of some sessions, in their order. A session whose note met another's is left as it is: it is noted again.
    pub(in crate::session) async fn note(&self, notes: &[Note]) -> Result<Vec<Noted>, StoreError> {
        let times: Vec<Key> = notes
            .iter()
            .map(|note| keys::times(&note.facts.id))
            .collect();
        let values = self.store.read(&times).await?;
        let mut noted = Vec::with_capacity(notes.len());
        let mut single = Vec::new();
        let mut all = Batch::default();
        for ((note, key), value) in notes.iter().zip(&times).zip(values) {
            let Some(value) = value else {
                noted.push(Noted::Ended);
                continue;
            };
            let uses = note
                .uses
                .clone()
                .and(&codec::opened(&self.seal, key, &value)?);
            let mut batch = Batch::default()
                .expect(Expect::Is(key.clone(), value))
                .put(key, codec::sealed(&self.seal, key, &uses));
            batch = self.noted(batch, &note.facts, &uses, &note.bounds);
            all.expect.extend(batch.expect.iter().cloned());
            all.changes.extend(batch.changes.iter().cloned());
            single.push(batch);
            noted.push(Noted::Uses(uses));
        }
        if !single.is_empty() && !self.applied(&all).await? {
            for batch in single {
                self.applied(&batch).await?;
            }
        }
        Ok(noted)
    }

    /// Sessions whose time is over by the notes.
    pub(in crate::session) async fn overdue(
        &self,
        now: Moment,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.store
            .range(&Range {
                index: keys::due(),
                after: None,
                up_to: now.millis(),
                limit,
            })
            .await
    }

    /// Puts a session where its use puts it in the indexes.
    pub(super) fn noted(&self, batch: Batch, facts: &Facts, uses: &Uses, bounds: &Bounds) -> Batch {
        let (end, _) = bounds.end(&uses.times());
        let used = uses.last_used.millis();
        let batch = batch.enter(keys::due(), &facts.id, end.millis()).enter(
            keys::of_principal(&facts.principal),
            &facts.id,
            used,
        );
        match &facts.claim {
            Some(claim) => batch.enter(keys::of_claim(claim), &facts.id, used),
            None => batch,
        }
    }
}

impl Uses {
    /// As a session without open sockets has them: an open one is noted as use.
    pub(in crate::session) fn times(&self) -> Times {
        Times {
            last_used: self.last_used,
            token_expires: self.token_expires,
            refresh_due: Moment::NEVER,
            sockets: 0,
            last_socket_closed: match self.connected {
                Moment::BEGINNING => Moment::NEVER,
                connected => connected,
            },
        }
    }
}
