//! Calls made as the service account: with its headers, its new login after a 401, and its answer to a challenge (RC §1.5).

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use crate::rocketchat::ApiError;
use crate::rocketchat::answer::Answer;
use crate::rocketchat::service_account::{Held, ServiceAccount};
use crate::rocketchat::transport::{Request, Transport};

/// The service account with its way to Rocket.Chat.
#[derive(Debug)]
pub(in crate::rocketchat) struct Caller {
    /// The way.
    pub(in crate::rocketchat) transport: Arc<Transport>,
    /// The account, which another one may replace.
    pub(in crate::rocketchat) account: ArcSwap<ServiceAccount>,
    /// Told when Rocket.Chat is away or refuses the account, so that the upkeep looks at once.
    pub(in crate::rocketchat) unwell: Arc<Notify>,
}

impl Caller {
    /// The account of this moment.
    pub(in crate::rocketchat) fn account(&self) -> Arc<ServiceAccount> {
        self.account.load_full()
    }

    /// Makes a call as the service account and gives any answer but 401 and 429.
    ///
    /// # Errors
    /// [`ApiError::ServiceAccountRefused`] for a 401 that no login mends; others as [`Transport::call`].
    pub(in crate::rocketchat) async fn call(
        &self,
        mut request: Request<'_>,
    ) -> Result<Answer, ApiError> {
        let answer = self.call_twice(&mut request).await;
        match &answer {
            Ok(_) => self.account.load().accepted(),
            Err(ApiError::ServiceAccountRefused | ApiError::Unreachable(_)) => {
                self.unwell.notify_one();
            }
            Err(_) => {}
        }
        answer
    }

    /// A 401 means that the call was not done (RC §1.2), so making it again is safe, writes included.
    async fn call_twice(&self, request: &mut Request<'_>) -> Result<Answer, ApiError> {
        for _attempt in 0..2 {
            let account = self.account();
            let held = account.held(&self.transport).await?;
            let mut answer = self.call_as((&account, &held), request).await?;
            if answer.status() == 401 && held.is_young(self.transport.clock().now()) {
                // Meteor 3 may answer a login before it has written the token (RC §3.4).
                answer = self.call_as((&account, &held), request).await?;
            }
            if answer.status() != 401 {
                return Ok(answer);
            }
            let replaced = !Arc::ptr_eq(&account, &self.account());
            if !account.rejected(&held, self.transport.clock().now()) && !replaced {
                break;
            }
        }
        Err(ApiError::ServiceAccountRefused)
    }

    async fn call_as(
        &self,
        (account, held): (&ServiceAccount, &Held),
        request: &mut Request<'_>,
    ) -> Result<Answer, ApiError> {
        request.identity(held.identity.clone());
        let answer = self.transport.call(request).await?;
        let Some(challenge) = answer.refused().filter(|it| it.is_second_factor()) else {
            return Ok(answer);
        };
        let now = self.transport.clock().now();
        let Some(factor) = account.second_factor(challenge.method(), now) else {
            return Ok(answer);
        };
        request.second_factor(factor);
        self.transport.call(request).await
    }
}
