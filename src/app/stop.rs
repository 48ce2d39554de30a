//! Stopping: what runs may finish for a while, and a second signal ends the waiting.

use std::future::{Future, pending};
use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;

use super::Running;

/// How long running requests, sockets and owed logouts get when the service stops; below the 30 s that Kubernetes grants.
const DRAIN: Duration = Duration::from_secs(15);

/// How long each step may take once the drain is hurried: enough for a close frame and a logout, if Rocket.Chat is well.
const HURRY: Duration = Duration::from_secs(2);

impl Running {
    /// Drains and stops: not ready, nothing new accepted, what runs may finish for a while, sockets are closed one after the other,
    /// owed logouts are tried, our own login is given back, and the admin listener goes last.
    pub async fn stop(self) {
        self.stop_or_hurry(pending()).await;
    }

    /// As [`Running::stop`], until `hurry` is ready: then sockets are closed at once, and what still runs two seconds later is left
    /// undone.
    pub async fn stop_or_hurry(self, hurry: impl Future<Output = ()>) {
        self.draining.missing("the service is stopping");
        self.public.drain.cancel();
        self.public.tasks.close();
        let finishing = async {
            tokio::join!(self.sessions.drain(DRAIN), self.public.tasks.wait());
        };
        let mut finishing = pin!(timeout(DRAIN, finishing));
        let mut hurry = pin!(hurry);
        tokio::select! {
            finished = &mut finishing => if finished.is_err() {
                tracing::warn!(
                    "requests were still running or logouts still owed when the drain time was over"
                );
            },
            () = &mut hurry => {
                tracing::warn!("told to stop a second time: sockets are closed now");
                self.public.hurry.cancel();
                if !matches!(timeout(HURRY, finishing).await, Ok(Ok(()))) {
                    tracing::warn!("requests were still running or logouts still owed, and were cut");
                }
            }
        }
        let hurried = async {
            if !self.public.hurry.is_cancelled() {
                hurry.await;
            }
            tokio::time::sleep(HURRY).await;
        };
        tokio::select! {
            closed = self.rocketchat.close() => if let Err(error) = closed {
                tracing::warn!(
                    error.kind = error.kind(),
                    "the service account's login could not be given back; its auth token lives until it expires"
                );
            },
            () = hurried => tracing::warn!(
                "there was no time to give the service account's login back; its auth token lives until it expires"
            ),
        }
        self.admin.drain.cancel();
        tracing::info!("gantry stopped");
        let log = self.log.clone();
        // The writer works on a thread of its own; waiting for it must not hold a runtime thread.
        let _flushed = tokio::task::spawn_blocking(move || log.flush()).await;
    }
}
