//! The one thread that writes: it takes everything that waits into one transaction, so that all share one sync of the disk.

use tokio::sync::{mpsc, oneshot};

use super::followers::Followers;
use super::shelf::Shelf;
use crate::session::store::{Applied, Batch, StoreError};

/// Most batches of one transaction: past that, those who wait longest would wait for those who came last.
const GROUP: usize = 256;

/// Most values that one sweep takes out: a few milliseconds for the batches behind it.
pub(super) const SWEPT: usize = 500;

/// What the writer is asked for.
pub(super) enum Job {
    /// To judge and apply a batch.
    Write(Box<Batch>, oneshot::Sender<Result<Applied, StoreError>>),
    /// To take values out whose lives are over; the answer is how many they were.
    Sweep(oneshot::Sender<usize>),
}

/// Works until nobody can ask any more.
pub(super) fn run(shelf: &Shelf, followers: &Followers, mut jobs: mpsc::Receiver<Job>) {
    let mut group = Vec::with_capacity(GROUP);
    while jobs.blocking_recv_many(&mut group, GROUP) > 0 {
        write(shelf, followers, std::mem::take(&mut group));
    }
}

fn write(shelf: &Shelf, followers: &Followers, group: Vec<Job>) {
    let (mut batches, mut answers, mut sweeps) = (Vec::new(), Vec::new(), Vec::new());
    for job in group {
        match job {
            Job::Write(batch, answer) => {
                batches.push(batch);
                answers.push(answer);
            }
            Job::Sweep(answer) => sweeps.push(answer),
        }
    }
    let most = if sweeps.is_empty() { 0 } else { SWEPT };
    let written =
        shelf.with(|disk, now| disk.write(batches.iter().map(|batch| &**batch), now, most));
    // Whoever has given up waiting for an answer needs none.
    match written {
        Ok((applied, swept)) => {
            if applied.contains(&Applied::Yes) {
                shelf.written();
            }
            let told = batches
                .iter()
                .zip(&applied)
                .filter(|(_, applied)| **applied == Applied::Yes);
            followers.tell(told.flat_map(|(batch, _)| &batch.tell));
            for (answer, applied) in answers.into_iter().zip(applied) {
                let _sent = answer.send(Ok(applied));
            }
            for answer in sweeps {
                let _sent = answer.send(swept);
            }
        }
        Err(error) => {
            for answer in answers {
                let _sent = answer.send(Err(error.clone()));
            }
        }
    }
}
