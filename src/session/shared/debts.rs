//! The owed logouts in the store: entered with the end or the minting that owes them, struck out when Rocket.Chat has answered.
//!
//! Who entered a debt sees to it and keeps its time of taking over ahead; a debt whose time has come belongs to nobody who lives, and any
//! process takes it over. Two that take over the same do no harm: a logout may be called twice.

use std::time::Duration;

use crate::session::moment::Moment;
use crate::session::shared::codec::Debt;
use crate::session::shared::commit::struck;
use crate::session::shared::{Shared, keys};
use crate::session::store::{Batch, Expect, Key, Range, StoreError};

/// A debt is left to who entered it, or says that it sees to it, for this long: as long as a logout takes at a slow Rocket.Chat.
pub(in crate::session) const TAKEN_OVER_AFTER: Duration = Duration::from_secs(10);

/// A minting may take longer, with its second tries; taken for dead, its token would be removed with all others of the user.
pub(in crate::session) const MINTED_WITHIN: Duration = Duration::from_secs(30);

/// Whose debts are taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session) enum Whose {
    /// Those that nobody has seen to for a while.
    Nobodys,
    /// All: no other process lives.
    Everybodys,
}

/// A debt that was taken over.
#[derive(Debug)]
pub(in crate::session) struct Taken {
    pub(in crate::session) id: String,
    pub(in crate::session) debt: Debt,
    /// Is it taken before the time until which it was left to whoever entered it?
    pub(in crate::session) early: bool,
}

impl Shared {
    /// Takes some debts over, those that wait longest first.
    pub(in crate::session) async fn take_over(
        &self,
        whose: Whose,
        limit: usize,
    ) -> Result<Vec<Taken>, StoreError> {
        let now = Moment::of(self.clock.now());
        let up_to = match whose {
            Whose::Nobodys => now.millis(),
            Whose::Everybodys => u64::MAX,
        };
        let entries = self
            .store
            .range(&Range {
                index: keys::all_owed(),
                after: None,
                up_to,
                limit,
            })
            .await?;
        let found: Vec<Key> = entries
            .iter()
            .map(|entry| keys::owed(&entry.member))
            .collect();
        let values = self.store.read(&found).await?;
        let mut taken = Vec::with_capacity(entries.len());
        for ((entry, key), value) in entries.into_iter().zip(found).zip(values) {
            let Some(value) = value else { continue };
            let debt = match Debt::open(&self.seal, &key, &value) {
                Ok(debt) => debt,
                Err(error) => {
                    tracing::error!(
                        error.kind = error.kind(),
                        error = %error,
                        "an owed logout cannot be read; it stays in the store until a process with its key takes it over"
                    );
                    self.leave_to_me(&entry.member, now.after(UNREADABLE_PAUSE))
                        .await?;
                    continue;
                }
            };
            let left_until = Moment::of_millis(entry.score);
            let early = left_until > now;
            if early {
                self.leave_until(&entry.member, left_until.max(now.after(TAKEN_OVER_AFTER)))
                    .await?;
            } else {
                self.leave_to_me(&entry.member, now).await?;
            }
            taken.push(Taken {
                id: entry.member,
                debt,
                early,
            });
        }
        Ok(taken)
    }

    /// Says that this process will see to a debt again by then.
    pub(in crate::session) async fn leave_to_me(
        &self,
        id: &str,
        until: Moment,
    ) -> Result<(), StoreError> {
        self.leave_until(id, until.after(TAKEN_OVER_AFTER)).await
    }

    async fn leave_until(&self, id: &str, until: Moment) -> Result<(), StoreError> {
        let batch = Batch::default()
            .expect(Expect::Present(keys::owed(id)))
            .enter(keys::all_owed(), id, until.millis());
        self.applied(&batch).await.map(drop)
    }

    /// Rocket.Chat has answered: nothing is owed any more.
    pub(in crate::session) async fn strike(&self, id: &str) -> Result<(), StoreError> {
        self.applied(&struck(Batch::default(), id)).await.map(drop)
    }

    /// How many are owed by all processes.
    pub(in crate::session) async fn debts(&self) -> Result<u64, StoreError> {
        self.store.count(&keys::all_owed()).await
    }
}

/// What cannot be read is looked at again after this long.
const UNREADABLE_PAUSE: Duration = Duration::from_secs(600);
