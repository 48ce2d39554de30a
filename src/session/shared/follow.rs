//! What other processes did, as it is heard.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;

use crate::session::EndCause;
use crate::session::shared::Shared;
use crate::session::store::Heard;

/// What a process must act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::session) enum News {
    /// A session has ended.
    Ended(String, EndCause),
    /// A session has other credentials.
    Changed(String),
    /// Something may have been missed.
    Gap,
}

/// News as they come.
#[derive(Debug)]
pub(in crate::session) struct Following {
    shared: Arc<Shared>,
    heard: mpsc::Receiver<Heard>,
}

impl Shared {
    /// Begins to listen.
    pub(in crate::session) fn follow(self: &Arc<Self>) -> Following {
        Following {
            heard: Arc::clone(&self.store).follow(),
            shared: Arc::clone(self),
        }
    }
}

impl Following {
    /// The next; `None` when there will be none. Cancel-safe.
    pub(in crate::session) async fn next(&mut self) -> Option<News> {
        loop {
            let word = match self.heard.recv().await? {
                Heard::Gap => {
                    self.shared.gaps.fetch_add(1, Ordering::AcqRel);
                    return Some(News::Gap);
                }
                Heard::Word(word) => word,
            };
            let mut parts = word.split(' ');
            match (parts.next(), parts.next(), parts.next()) {
                (Some("e"), Some(id), Some(cause)) => {
                    // What a newer release calls a cause is an end all the same.
                    let cause = EndCause::named(cause).unwrap_or(EndCause::Logout);
                    // First remembered, then looked for: who takes its place at this moment looks the other way round.
                    self.shared.ended.insert(id.to_owned(), cause);
                    return Some(News::Ended(id.to_owned(), cause));
                }
                (Some("c"), Some(id), None) => return Some(News::Changed(id.to_owned())),
                (Some("f"), Some(key), None) => self.shared.bells.ring(key),
                // A word of a newer release.
                _ => {}
            }
        }
    }
}
