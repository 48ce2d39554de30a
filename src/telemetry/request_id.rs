//! Request ids: unique within a deployment, cheap to make, meaningless to guess at.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Names one request in the access log and in a problem's `instance`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId {
    run: Run,
    count: u64,
}

/// A run's number in hexadecimal digits, leading zeros included: written once, as every line of the log has it.
type Run = [u8; RUN_DIGITS];

/// Gives out request ids: a random number per run, then a count.
#[derive(Debug)]
pub struct RequestIds {
    run: Run,
    next: AtomicU64,
}

impl RequestIds {
    /// A random run, so that two replicas or two runs do not give the same ids.
    #[must_use]
    pub fn random() -> Self {
        let mut run = [0; 8];
        // Without randomness ids are still unique within the run, which is all that is lost.
        let _filled = aws_lc_rs::rand::fill(&mut run);
        Self::of_run(u64::from_be_bytes(run))
    }

    fn of_run(run: u64) -> Self {
        let mut digits = [0; RUN_DIGITS];
        write_hex(run, &mut digits);
        Self {
            run: digits,
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
        text.bytes[..RUN_DIGITS].copy_from_slice(&self.run);
        text.bytes[RUN_DIGITS] = b'-';
        let digits = (u64::BITS - self.count.leading_zeros()).div_ceil(4).max(1);
        text.length = RUN_DIGITS + 1 + digits as usize;
        write_hex(self.count, &mut text.bytes[RUN_DIGITS + 1..text.length]);
        text
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text())
    }
}

/// Hexadecimal digits of a run, leading zeros included.
const RUN_DIGITS: usize = 16;

/// A run, a hyphen and the largest count.
const LONGEST: usize = 33;

/// Writes the last digits of a number, as many as there is room for.
fn write_hex(number: u64, digits: &mut [u8]) {
    let mut left = number;
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[usize::try_from(left & 0xf).unwrap_or_default()];
        left >>= 4;
    }
}

/// A request id as text.
#[derive(Clone, Copy, Debug)]
pub struct RequestIdText {
    bytes: [u8; LONGEST],
    length: usize,
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
            let ids = RequestIds::of_run(run);
            ids.next.store(count, Ordering::Relaxed);
            let id = ids.next();
            assert_eq!(id.to_string(), format!("{run:016x}-{count:x}"));
        }
    }
}
