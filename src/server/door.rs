//! The handler of this moment: another one can be put behind the door while connections are open.
//!
//! A request keeps the handler that it began with. A connection takes over another one with its next request; so one that rests keeps what it
//! held, for as long as it may be idle.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use crate::server::handler::Handler;

/// Leads to the handler; cheap to clone.
#[derive(Clone, Debug)]
pub struct Door(Arc<Behind>);

#[derive(Debug)]
struct Behind {
    handler: ArcSwap<Handler>,
    /// How many were put there: read by every request, written at a reload, so that all cores have it at hand.
    put: AtomicU64,
}

/// One connection at the door.
#[derive(Debug)]
pub struct Visitor {
    door: Door,
    held: RefCell<Arc<Handler>>,
    /// Which one that is.
    put: Cell<u64>,
}

impl Door {
    /// Opens it on this one.
    #[must_use]
    pub fn new(handler: Handler) -> Self {
        Self(Arc::new(Behind {
            handler: ArcSwap::from_pointee(handler),
            put: AtomicU64::new(0),
        }))
    }

    /// Requests that begin from now on meet this one.
    pub fn put(&self, handler: Handler) {
        self.0.handler.store(Arc::new(handler));
        self.0.put.fetch_add(1, Ordering::Release);
    }

    /// The handler of this moment.
    #[must_use]
    pub fn handler(&self) -> Arc<Handler> {
        self.0.handler.load_full()
    }

    /// A connection comes.
    #[must_use]
    pub fn visitor(&self) -> Visitor {
        // Counted before it is looked at: one that is put in between is looked at once more.
        let put = Cell::new(self.0.put.load(Ordering::Acquire));
        Visitor {
            held: RefCell::new(self.own()),
            door: self.clone(),
            put,
        }
    }

    fn own(&self) -> Arc<Handler> {
        Arc::new(Handler::clone(&self.0.handler.load()))
    }
}

impl Visitor {
    /// The handler of this moment, under a count of this connection's own: one for all would be written to by all cores.
    #[must_use]
    pub fn handler(&self) -> Arc<Handler> {
        let put = self.door.0.put.load(Ordering::Acquire);
        if put != self.put.replace(put) {
            self.held.replace(self.door.own());
        }
        Arc::clone(&self.held.borrow())
    }
}
