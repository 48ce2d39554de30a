//! Request ids: unique within a deployment, cheap to make, meaningless to guess at.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Names one request in the access log and in a problem's `instance`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId {
    run: u64,
    count: u64,
}

/// Gives out request ids: a random number per run, then a count.
#[derive(Debug)]
pub struct RequestIds {
    run: u64,
    next: AtomicU64,
}

impl RequestIds {
    /// A random run, so that two replicas or two runs do not give the same ids.
    #[must_use]
    pub fn random() -> Self {
        let mut run = [0; 8];
        // Without randomness ids are still unique within the run, which is all that is lost.
        let _filled = aws_lc_rs::rand::fill(&mut run);
        Self {
            run: u64::from_be_bytes(run),
            next: AtomicU64::new(0),
        }
    }

    /// The next id.
    pub fn next(&self) -> RequestId {
        RequestId {
            run: self.run,
            count: self.next.fetch_add(1, Ordering::Relaxed),
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}-{:x}", self.run, self.count)
    }
}
