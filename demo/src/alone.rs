//! The host application alone: before a Gantry and a Rocket.Chat that somebody else runs.

use std::sync::Arc;

use anyhow::Context as _;
use gantry::clock::Clock;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::chat::Chat;
use crate::host::Host;
use crate::host_sessions::HostSessions;
use crate::jwt::Signer;
use crate::options::Alone;

/// Starts it; it serves until the task is aborted.
///
/// # Errors
/// When it cannot listen there, or no key can be made.
pub(crate) async fn start(wanted: &Alone) -> anyhow::Result<JoinHandle<()>> {
    let url = wanted.url.trim_end_matches('/').to_owned();
    let host = Arc::new(Host {
        signer: Signer::new(url.clone())?,
        url,
        sessions: HostSessions::default(),
        chat: Chat::new(origin(&wanted.gantry), origin(&wanted.gantry_url))?,
        rocketchat: None,
        clock: Clock::system(),
    });
    let listener = TcpListener::bind(wanted.address)
        .await
        .with_context(|| format!("cannot listen on {}", wanted.address))?;
    let router = host.router();
    Ok(tokio::spawn(async move {
        // Serving ends with the task, not with an error.
        let _ended = axum::serve(listener, router).await;
    }))
}

fn origin(url: &str) -> String {
    url.trim_end_matches('/').to_owned()
}
