//! The handler of this moment: another one can be put behind the door while connections are open.
//!
//! A request keeps the handler that it began with. A connection takes over another one with its next request; so one that rests keeps what it
//! held, for as long as it may be idle.

use std::cell::RefCell;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::server::handler::Handler;

/// Leads to the handler; cheap to clone.
#[derive(Clone, Debug)]
pub struct Door(Arc<ArcSwap<Handler>>);

/// One connection at the door.
#[derive(Debug)]
pub struct Visitor {
    door: Door,
    held: RefCell<Arc<Handler>>,
}

impl Door {
    /// Opens it on this one.
    #[must_use]
    pub fn new(handler: Handler) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(handler)))
    }

    /// Requests that begin from now on meet this one.
    pub fn put(&self, handler: Handler) {
        self.0.store(Arc::new(handler));
    }

    /// The handler of this moment.
    #[must_use]
    pub fn handler(&self) -> Arc<Handler> {
        self.0.load_full()
    }

    /// A connection comes.
    #[must_use]
    pub fn visitor(&self) -> Visitor {
        Visitor {
            door: self.clone(),
            held: RefCell::new(Arc::new(Handler::clone(&self.0.load()))),
        }
    }
}

impl Visitor {
    /// The handler of this moment, under a count of this connection's own: one for all would be written to by all cores.
    #[must_use]
    pub fn handler(&self) -> Arc<Handler> {
        let present = self.door.0.load();
        let mut held = self.held.borrow_mut();
        if !present.is(&held) {
            *held = Arc::new(Handler::clone(&present));
        }
        Arc::clone(&held)
    }
}
