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

impl RequestId {
    /// The id as text, on the stack.
    #[must_use]
    pub fn text(self) -> RequestIdText {
        let mut text = RequestIdText {
            bytes: [0; LONGEST],
            length: 0,
        };
        text.push_hex(self.run, RUN_DIGITS);
        text.push(b'-');
        let digits = (u64::BITS - self.count.leading_zeros()).div_ceil(4).max(1);
        text.push_hex(self.count, digits);
        text
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text())
    }
}

/// Hexadecimal digits of a run, leading zeros included.
const RUN_DIGITS: u32 = u64::BITS / 4;

/// A run, a hyphen and the largest count.
const LONGEST: usize = 33;

/// A request id as text.
#[derive(Clone, Copy, Debug)]
pub struct RequestIdText {
    bytes: [u8; LONGEST],
    length: usize,
}

impl RequestIdText {
    fn push_hex(&mut self, number: u64, digits: u32) {
        for place in (0..digits).rev() {
            let digit = usize::try_from(number >> (place * 4) & 0xf).unwrap_or_default();
            self.push(b"0123456789abcdef"[digit]);
        }
    }

    fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }
}

impl std::ops::Deref for RequestIdText {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_as_the_formatter_would_write_it() {
        for (run, count) in [
            (0, 0),
            (1, 15),
            (0xabc, 16),
            (u64::MAX, 0x1234_5678),
            (1 << 63, u64::MAX),
        ] {
            let id = RequestId { run, count };
            assert_eq!(id.to_string(), format!("{run:016x}-{count:x}"));
        }
    }
}
