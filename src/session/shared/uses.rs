//! What is noted of sessions' use, so that no process ends a session that is used at another.
//!
//! Use is noted now and then, a newer JWT at once. A session's time is only over when the notes of all agree.

use crate::session::facts::{Facts, Uses};
use crate::session::life::{Bounds, Times};
use crate::session::moment::Moment;
use crate::session::shared::codec;
use crate::session::shared::{ROUNDS, Shared, keys};
use crate::session::store::{Batch, Entry, Expect, Key, Range, StoreError, Value};

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
    /// Notes the use of some sessions, in their order.
    pub(in crate::session) async fn note(&self, notes: &[Note]) -> Result<Vec<Noted>, StoreError> {
        let times: Vec<Key> = notes
            .iter()
            .map(|note| keys::times(&note.facts.id))
            .collect();
        let values = self.store.read(&times).await?;
        let mut noted = Vec::with_capacity(notes.len());
        let mut all = Batch::default();
        for (note, value) in notes.iter().zip(values) {
            let Some(value) = value else {
                noted.push(Noted::Ended);
                continue;
            };
            let (batch, uses) = self.noting(note, value)?;
            all.expect.extend(batch.expect);
            all.changes.extend(batch.changes);
            noted.push(Noted::Uses(uses));
        }
        if all.changes.is_empty() || self.applied(&all).await? {
            return Ok(noted);
        }
        // One of them was noted by another process just then.
        let mut noted = Vec::with_capacity(notes.len());
        for note in notes {
            noted.push(self.note_one(note).await?);
        }
        Ok(noted)
    }

    async fn note_one(&self, note: &Note) -> Result<Noted, StoreError> {
        let key = keys::times(&note.facts.id);
        for _ in 0..ROUNDS {
            let [value] = self.read([&key]).await?;
            let Some(value) = value else {
                return Ok(Noted::Ended);
            };
            let (batch, uses) = self.noting(note, value)?;
            if self.applied(&batch).await? {
                return Ok(Noted::Uses(uses));
            }
        }
        Err(codec::Unreadable::Busy.into())
    }

    /// A note over what was noted before.
    fn noting(&self, note: &Note, value: Value) -> Result<(Batch, Uses), StoreError> {
        let key = keys::times(&note.facts.id);
        let before: Uses = codec::opened(&self.seal, &key, &value)?;
        let uses = note.uses.clone().and(&before);
        let batch = Batch::default()
            .expect(Expect::Is(key.clone(), value))
            .put(&key, codec::sealed(&self.seal, &key, &uses));
        Ok((self.noted(batch, &note.facts, &uses, &note.bounds), uses))
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
