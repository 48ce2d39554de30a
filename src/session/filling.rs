//! A session file full of sessions that nobody began, for the bench: as many as a busy workspace has would take it an hour to begin.

use std::fs::Metadata;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::Clock;
use crate::config::session::Scope;
use crate::jwt::{ClaimKey, HostSession, PrincipalKey};
use crate::random;
use crate::rocketchat::Credentials;
use crate::secret::{AuthToken, SealingKey};
use crate::session::facts::{Facts, ID, Uses};
use crate::session::life::Bounds;
use crate::session::moment::Moment;
use crate::session::shared::Shared;
use crate::session::shared::codec::Kept;
use crate::session::shared::commit::Committing;
use crate::session::store::file::File;
use crate::session::store::seal::Seal;
use crate::session::store::{Batch, OpenError, StoreError};

/// Sessions written in one batch.
const AT_A_TIME: usize = 500;

/// How long each lives.
const LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// How long ago the first began; the others came evenly from then on, so that indexes by time grow at one end.
const AGO: Duration = Duration::from_secs(6 * 60 * 60);

/// Why a file could not be filled.
#[derive(Debug, thiserror::Error)]
pub enum FillError {
    /// It cannot be opened.
    #[error("the session file cannot be opened")]
    Open(#[from] OpenError),
    /// It cannot be written.
    #[error("the session file cannot be written")]
    Write(#[from] StoreError),
    /// It cannot be looked at.
    #[error("the session file cannot be looked at")]
    Look(#[from] std::io::Error),
}

/// A file that was filled, and is closed.
#[derive(Debug)]
pub struct Filled {
    /// The file before it was closed.
    pub open: Metadata,
    /// How long the closing took.
    pub closing: Duration,
}

/// Puts `count` live sessions into a file, each of a principal of its own, whose user is remembered.
///
/// # Errors
/// [`FillError`].
pub async fn fill(path: &Path, key: &SealingKey, count: usize) -> Result<Filled, FillError> {
    let clock = Clock::system();
    let file = File::open(path, clock.clone(), &[]).await?;
    let seal = Seal::new(key, &[]);
    let shared = Shared::new(Arc::new(file), seal, clock.clone(), Scope::Session);
    let first = Moment::of(clock.now() - AGO);
    let apart = AGO / u32::try_from(count).unwrap_or(u32::MAX).max(1);
    let mut written = 0;
    while written < count {
        let some = AT_A_TIME.min(count - written);
        let mut batch = Batch::default();
        for number in written..written + some {
            let at = first.after(apart * u32::try_from(number).unwrap_or(u32::MAX));
            batch = born(&shared, batch, number, at);
        }
        shared.applied(&batch).await?;
        written += some;
    }
    let open = std::fs::metadata(path)?;
    let closed = Instant::now();
    drop(shared);
    Ok(Filled {
        open,
        closing: closed.elapsed(),
    })
}

fn born(shared: &Shared, batch: Batch, number: usize, at: Moment) -> Batch {
    let end = at.after(LIFE);
    let facts = Facts {
        id: Arc::from(random::text::<ID>()),
        username: format!("bench.user-{number}").into(),
        host_session: digest(HostSession::from_text),
        principal: digest(PrincipalKey::from_text),
        claim: Some(digest(ClaimKey::from_text)),
        issuer: Arc::from("https://host.example.com"),
        began: at,
        hard_end: end,
    };
    let user_id = random::text::<12>();
    // In form what is remembered of a user.
    let user = (&user_id, &facts.username, 0_u8);
    let batch = shared.acting(batch, &facts.principal, &user_id, &user);
    let credentials = Credentials::kept(
        &user_id,
        &AuthToken::new(random::text::<32>()),
        at.time(),
        end.time(),
    );
    let kept = Kept {
        stand_in: shared.stand_in(&facts.id).hash(),
        facts,
        credentials: Arc::new(credentials.expect("a header can carry base64url")),
    };
    let uses = Uses {
        last_used: at,
        token_expires: end,
        connected: Moment::BEGINNING,
        issued: at,
        bare: Vec::new(),
    };
    let bounds = Bounds {
        hard_end: end,
        grace: Duration::ZERO,
        idle_timeout: LIFE,
        end_on_last_socket: None,
    };
    let committing = Committing {
        kept: &kept,
        uses: &uses,
        bounds: &bounds,
        intent: None,
        sharing: None,
    };
    shared.born(batch, &committing)
}

fn digest<T>(read: impl Fn(&str) -> Option<T>) -> T {
    read(&random::text::<32>()).expect("32 bytes in base64url are a digest's text")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Enough for a file that is compacted when it is closed.
    const SOME: usize = 13_000;

    #[tokio::test]
    async fn a_session_takes_at_most_one_and_a_half_kibibytes_of_a_closed_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("sessions.redb");
        let key = SealingKey::new(&[1; SealingKey::LENGTH]);
        fill(&path, &key, SOME).await.expect("a filled file");
        let length = std::fs::metadata(&path).expect("a file").len();
        let each = usize::try_from(length).expect("a length") / SOME;
        assert!(each <= 1536, "a session takes {each} bytes");
    }
}
