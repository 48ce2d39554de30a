//! Stopping, as `listen.drain` says; a second signal ends the waiting.

use std::future::{Future, pending};
use std::pin::pin;
use std::time::Duration;

use super::Running;

/// What each of the two last steps may take: trying owed logouts once, and giving our own login back while the last spans are told. Less
/// where the whole has little.
const LAST: Duration = Duration::from_secs(2);

impl Running {
    /// Drains and stops, in this order: not ready; connections are still taken for a while; none are; requests finish and sockets are
    /// closed one after the other; owed logouts are tried; our own login is given back; the admin listener goes last.
    pub async fn stop(self) {
        self.stop_or_hurry(pending()).await;
    }

    /// As [`Running::stop`], until `hurry` is ready: then sockets are closed at once, and what still runs is cut.
    pub async fn stop_or_hurry(self, hurry: impl Future<Output = ()>) {
        let last = LAST.min(self.drain.timeout / 10);
        self.draining.missing("the service is stopping");
        self.public.leave();
        tracing::info!("gantry drains");
        let mut hurry = pin!(hurry);
        tokio::select! {
            () = self.finish() => {}
            () = self.clock.sleep(self.drain.timeout.saturating_sub(2 * last)) => {
                tracing::warn!("listen.drain.timeout is over: what still runs is cut");
                self.cut(last).await;
            }
            () = &mut hurry => {
                tracing::warn!("told to stop a second time: sockets are closed now, and what still runs is cut");
                self.cut(last).await;
            }
        }
        // The collector's share of what is left; it may be away, and nobody waits for it longer.
        let spans = tokio::time::timeout(last, self.spans.close());
        let ((), _told) = tokio::join!(self.give_login_back(last), spans);
        self.admin.drain.cancel();
        tracing::info!("gantry stopped");
        let log = self.log.clone();
        // The writer works on a thread of its own; waiting for it must not hold a runtime thread.
        let _flushed = tokio::task::spawn_blocking(move || log.flush()).await;
    }

    /// Everything in its time.
    async fn finish(&self) {
        self.clock.sleep(self.drain.delay).await;
        self.public.drain.cancel();
        self.public.tasks.close();
        let sessions = self.sessions.drain(self.drain.timeout);
        if self.sessions.end_at_shutdown() {
            // First, so that clients hear why: their sessions are over, and there is nothing to come back to.
            sessions.await;
            self.leaving.begin();
            self.public.tasks.wait().await;
        } else {
            // Last, so that whoever was accepted may still begin a session.
            self.leaving.begin();
            self.public.tasks.wait().await;
            sessions.await;
        }
    }

    /// No more waiting, but for what takes a moment.
    async fn cut(&self, last: Duration) {
        self.public.drain.cancel();
        self.public.tasks.close();
        self.leaving.begin();
        self.public.hurry.cancel();
        let cut = async {
            tokio::join!(self.sessions.drain(last), async {
                tokio::select! {
                    () = self.public.tasks.wait() => {}
                    () = self.clock.sleep(last) => {}
                }
            })
        };
        match cut.await {
            (0, ()) => {}
            (owed, ()) if self.sessions.are_kept() => {
                tracing::info!(owed, "logouts are still owed; they stay in the store");
            }
            (owed, ()) => tracing::warn!(
                owed,
                "logouts are still owed and nobody keeps them: these auth tokens live until they expire"
            ),
        }
    }

    async fn give_login_back(&self, last: Duration) {
        let closed = tokio::select! {
            closed = self.rocketchat.close() => closed,
            () = self.clock.sleep(last) => {
                tracing::warn!("there was no time to give the service account's login back; its auth token lives until it expires");
                return;
            }
        };
        if let Err(error) = closed {
            tracing::warn!(
                error.kind = error.kind(),
                "the service account's login could not be given back; its auth token lives until it expires"
            );
        }
    }
}
