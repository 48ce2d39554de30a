//! The logout tokens of one issuer that have been taken, so that none is taken twice (OpenID Connect Back-Channel Logout 1.0 §2.6).
//!
//! Only tokens that the issuer signed come here, so nobody else can fill it. When it is full, further ones are refused rather than old
//! ones forgotten: what is forgotten could be replayed. It is of this process alone, and gone with it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

use crate::jwt::LogoutError;
use crate::jwt::claims::since_epoch;

/// Most that are remembered at a time, some 6 MiB: a hundred logouts each second, for as long as one is remembered.
const MOST: usize = 65_536;

/// Identifiers by their digests: a long one takes no more room than a short one.
type Id = [u8; SHA256_OUTPUT_LEN];

/// Every token that was taken and could still be verified.
#[derive(Debug, Default)]
pub(in crate::jwt) struct Taken(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    ids: HashSet<Id>,
    /// When each may be forgotten, the earliest first.
    ends: BinaryHeap<Reverse<(Duration, Id)>>,
}

impl Taken {
    /// Takes the token with this `jti`, which can be verified until `end`.
    pub(in crate::jwt) fn take(
        &self,
        jti: &str,
        end: Duration,
        now: SystemTime,
    ) -> Result<(), LogoutError> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.forget(since_epoch(now));
        let id = digest(&SHA256, jti.as_bytes());
        let id: Id = id.as_ref().try_into().expect("SHA-256 has 32 bytes");
        if inner.ids.contains(&id) {
            return Err(LogoutError::Replayed);
        }
        if inner.ids.len() >= MOST {
            return Err(LogoutError::TooMany);
        }
        inner.ids.insert(id);
        inner.ends.push(Reverse((end, id)));
        Ok(())
    }
}

impl Inner {
    fn forget(&mut self, now: Duration) {
        while let Some(Reverse((end, id))) = self.ends.peek() {
            if *end > now {
                return;
            }
            self.ids.remove(id);
            self.ends.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn take(taken: &Taken, jti: &str, end: u64, now: u64) -> Result<(), LogoutError> {
        let now = UNIX_EPOCH + Duration::from_secs(now);
        taken.take(jti, Duration::from_secs(end), now)
    }

    #[test]
    fn a_token_is_taken_once_for_as_long_as_it_can_be_verified() {
        let taken = Taken::default();
        assert_eq!(take(&taken, "a", 100, 10), Ok(()));
        assert_eq!(take(&taken, "b", 50, 10), Ok(()));
        assert_eq!(take(&taken, "a", 100, 99), Err(LogoutError::Replayed));
        // Verification ends it from here on, so nothing need be known any more.
        assert_eq!(take(&taken, "c", 200, 100), Ok(()));
        let inner = taken.0.lock().unwrap();
        assert_eq!((inner.ids.len(), inner.ends.len()), (1, 1));
    }

    #[test]
    fn whoever_comes_when_it_is_full_is_refused_and_none_is_forgotten() {
        let taken = Taken::default();
        for number in 0..MOST {
            assert_eq!(take(&taken, &number.to_string(), 100, 10), Ok(()));
        }
        assert_eq!(take(&taken, "one more", 100, 10), Err(LogoutError::TooMany));
        assert_eq!(take(&taken, "0", 100, 10), Err(LogoutError::Replayed));
        assert_eq!(take(&taken, "one more", 200, 100), Ok(()));
    }
}
