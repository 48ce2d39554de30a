//! Ends auth tokens, as their user: one (RC §2.4), or all others (RC §2.7).

use std::sync::Arc;

use crate::rocketchat::ApiError;
use crate::rocketchat::operation::Operation;
use crate::rocketchat::transport::{Identity, Request, Transport};

/// Logs the token out. 200 and 401 both mean that it is gone.
///
/// # Errors
/// [`ApiError`] when Rocket.Chat did not say so; the logout is still owed.
pub(in crate::rocketchat) async fn log_out(
    transport: &Arc<Transport>,
    identity: Identity,
) -> Result<(), ApiError> {
    let mut request = Request::new(Operation::Logout);
    request.identity(identity);
    let answer = transport.call(&request).await?;
    if answer.status() == 401 {
        return Ok(());
    }
    // A 200 with a page in it comes from something before Rocket.Chat, which has not heard of the logout.
    answer.good::<serde::de::IgnoredAny>().map(drop)
}

/// Removes every other auth token of the user, personal access tokens excepted.
///
/// # Errors
/// [`ApiError`].
pub(in crate::rocketchat) async fn remove_others(
    transport: &Arc<Transport>,
    identity: Identity,
) -> Result<(), ApiError> {
    let mut request = Request::new(Operation::RemoveOtherTokens);
    request.identity(identity);
    let answer = transport.call(&request).await?;
    answer.good::<serde::de::IgnoredAny>().map(drop)
}
