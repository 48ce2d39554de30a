//! A token that Rocket.Chat just made and nobody has taken yet: dropped unclaimed, it is logged out in the background.
//!
//! This is what keeps a token from being lost when the caller gave up waiting, was dropped, or cannot use the answer.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::rocketchat::answer::Answer;
use crate::rocketchat::logout;
use crate::rocketchat::transport::{Identity, Transport};
use crate::rocketchat::{ApiError, Credentials, wire};
use crate::secret::AuthToken;

/// How often an unclaimed token's logout is tried; with waits that double from one second, for about eight minutes.
const ATTEMPTS: u32 = 10;

/// Said of a token that is lost.
const UNUSABLE: &str = "Rocket.Chat made an auth token that no header can carry; it can be neither used nor logged out and lives \
    until it expires";

/// Guards one token.
pub(in crate::rocketchat) struct Unclaimed {
    transport: Arc<Transport>,
    user_id: String,
    auth_token: Option<AuthToken>,
}

impl Unclaimed {
    /// Puts the token of a good answer under guard. An answer that is no minting at all stays as it is.
    pub(in crate::rocketchat) fn take_from(
        mut answer: Answer,
        transport: &Arc<Transport>,
    ) -> Answer {
        if answer.is_good() {
            match answer.good::<wire::Minted>() {
                Ok(minted) => answer.guard(Self {
                    transport: Arc::clone(transport),
                    user_id: minted.data.user_id,
                    auth_token: Some(AuthToken::new(minted.data.auth_token)),
                }),
                Err(_) => tracing::error!(
                    "Rocket.Chat answered a request for an auth token with 200 and no token in it; if it made one, nobody \
                     knows it, and it lives until it expires"
                ),
            }
        }
        answer
    }

    /// Whose token it is, as Rocket.Chat says.
    pub(in crate::rocketchat) fn user_id(&self) -> &str {
        &self.user_id
    }

    /// Takes the token over; from here on the caller owes its logout.
    pub(in crate::rocketchat) fn claim(mut self) -> (String, AuthToken) {
        let token = self.auth_token.take();
        let token =
            token.expect("only claiming and dropping take the token, and each consumes the guard");
        (std::mem::take(&mut self.user_id), token)
    }
}

impl Unclaimed {
    /// Takes the token over as credentials. `None` when it cannot be used; it then lives until it expires.
    pub(in crate::rocketchat) fn into_credentials(
        self,
        minted_at: SystemTime,
        expires_at: SystemTime,
    ) -> Option<Credentials> {
        let (user_id, auth_token) = self.claim();
        let credentials = Credentials::new(&user_id, &auth_token, minted_at, expires_at);
        if credentials.is_none() {
            tracing::error!("{UNUSABLE}");
        }
        credentials
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        let Some(token) = self.auth_token.take() else {
            return;
        };
        let Some(identity) = Identity::new(&self.user_id, token.reveal()) else {
            tracing::error!("{UNUSABLE}");
            return;
        };
        let Ok(_runtime) = tokio::runtime::Handle::try_current() else {
            tracing::error!(
                "an auth token that nobody took could not be logged out: the program ends"
            );
            return;
        };
        tracing::warn!("an auth token came that nobody waits for any more; it is logged out");
        let transport = Arc::clone(&self.transport);
        let tasks = transport.tasks().clone();
        tasks.spawn(async move { log_out(&transport, identity).await });
    }
}

impl fmt::Debug for Unclaimed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Unclaimed").finish_non_exhaustive()
    }
}

async fn log_out(transport: &Arc<Transport>, identity: Identity) {
    let mut pause = Duration::from_secs(1);
    for _attempt in 0..ATTEMPTS {
        let wait = match logout::log_out(transport, identity.clone()).await {
            Ok(()) => return,
            Err(ApiError::RateLimited(reset)) => reset.max(pause),
            Err(_) => pause,
        };
        transport.clock().sleep(wait).await;
        pause *= 2;
    }
    tracing::error!(
        "an auth token that nobody took could not be logged out; it lives until it expires"
    );
}
