//! Tells a task whether it was woken for one thing in particular, of the several that it waits for.
//!
//! A socket waits for bytes all the time and for its session's end once. Asking after the end at each message would take a lock that
//! all sockets of a session, or of the whole service, share; and each question that is asked in vain costs the request that caused it.
//! So a thing is asked after only when it has rung.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

/// One task's bell. It has rung when it is new.
#[derive(Debug, Default)]
pub struct Bell {
    /// The rope, and the same as a waker.
    rope: Option<(Arc<Rope>, Waker)>,
}

/// What is pulled to ring it.
#[derive(Debug)]
struct Rope {
    rung: AtomicBool,
    task: Waker,
}

impl Bell {
    /// Has it rung since the last time? Then what it rings for must be polled with this waker, all of it.
    pub fn rung(&mut self, context: &Context<'_>) -> Option<&Waker> {
        // A task that was moved must not be woken where it was.
        let kept = self.rope.take();
        let kept = kept.filter(|(rope, _)| rope.task.will_wake(context.waker()));
        let (rope, waker) = self.rope.insert(kept.unwrap_or_else(|| {
            let rope = Arc::new(Rope {
                rung: AtomicBool::new(true),
                task: context.waker().clone(),
            });
            let waker = Waker::from(Arc::clone(&rope));
            (rope, waker)
        }));
        // Taken back before anything is polled, so what rings in between is polled again. Looked at first, because writing costs more.
        let rung = rope.rung.load(Ordering::Relaxed) && rope.rung.swap(false, Ordering::AcqRel);
        rung.then_some(waker)
    }

    /// Rings without waking: the task is about to ask.
    pub fn ring(&self) {
        if let Some((rope, _)) = &self.rope {
            rope.rung.store(true, Ordering::Release);
        }
    }
}

impl Wake for Rope {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn it_rings_at_first_and_then_only_when_pulled() {
        let task = Arc::new(Counted::default());
        let waker = Waker::from(Arc::clone(&task));
        let context = Context::from_waker(&waker);
        let mut bell = Bell::default();
        let pulled = bell.rung(&context).cloned().unwrap();
        assert!(bell.rung(&context).is_none());
        pulled.wake_by_ref();
        assert_eq!(task.0.load(Ordering::Relaxed), 1);
        assert!(bell.rung(&context).is_some());
        bell.ring();
        assert_eq!(task.0.load(Ordering::Relaxed), 1);
        assert!(bell.rung(&context).is_some());
    }

    #[test]
    fn it_rings_for_a_task_that_was_moved() {
        let [here, there] = [(); 2].map(|()| Arc::new(Counted::default()));
        let [here_waker, there_waker] = [&here, &there].map(|task| Waker::from(Arc::clone(task)));
        let mut bell = Bell::default();
        assert!(bell.rung(&Context::from_waker(&here_waker)).is_some());
        let pulled = bell.rung(&Context::from_waker(&there_waker)).unwrap();
        pulled.wake_by_ref();
        assert_eq!(here.0.load(Ordering::Relaxed), 0);
        assert_eq!(there.0.load(Ordering::Relaxed), 1);
    }
}
