//! Who hears the words of this process: a bounded queue for each, and a gap for who does not keep up.

use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc;

use crate::session::store::Heard;

/// Words that wait for a follower; who is further behind looks at everything again, which costs less than it would to hear more.
const WAITING: usize = 1024;

/// All who follow.
#[derive(Default)]
pub(super) struct Followers(Mutex<Vec<mpsc::Sender<Heard>>>);

impl Followers {
    /// One more, from now on.
    pub(super) fn add(&self) -> mpsc::Receiver<Heard> {
        let (sender, receiver) = mpsc::channel(WAITING + 1);
        self.lock().push(sender);
        receiver
    }

    /// Tells these words to everybody, without waiting for anybody.
    pub(super) fn tell<'a>(&self, words: impl Iterator<Item = &'a String>) {
        let mut followers = self.lock();
        followers.retain(|follower| !follower.is_closed());
        for word in words {
            for follower in followers.iter() {
                tell(follower, word);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<mpsc::Sender<Heard>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last place of a queue is kept for a gap. So a queue without places ends with a gap that is still to be heard, and what is
/// left out meanwhile was done before that gap is heard.
fn tell(follower: &mpsc::Sender<Heard>, word: &str) {
    let heard = match follower.capacity() {
        0 => return,
        1 => Heard::Gap,
        _ => Heard::Word(word.to_owned()),
    };
    // Only this side sends, under the lock, so a place that was seen is still there; who has left needs to hear nothing.
    let _sent = follower.try_send(heard);
}
