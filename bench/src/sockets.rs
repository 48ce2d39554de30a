//! Thousands of sockets: what they cost at rest, and whether all of them get in at once.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::process::Process;
use crate::report::Report;
use crate::socket::{Framing, Socket};
use crate::{Bench, CONNECTIONS, USERS, load};

/// Sockets that rest, or log in at once.
const SOCKETS: usize = 5000;

/// The first sockets pay for what is allocated once.
const FIRST: usize = SOCKETS / 10;

/// Users of this bench that no other part has sent before.
const UNSEEN: usize = 1_000_000;

/// Time for what goes on behind an answer to come to its end.
const SETTLING: Duration = Duration::from_secs(2);

impl Bench {
    /// Memory of sockets that were identified at the upgrade, and rest.
    pub(crate) async fn sockets(&self, report: &mut Report) -> anyhow::Result<()> {
        let (gantry, _) = self.start().await?;
        load::closed(self.gantry_address, CONNECTIONS, self.warm_requests(), None).await?;
        let first = self.identified(FIRST).await?;
        let before = gantry.resident()?;
        let open = self.identified(SOCKETS).await?;
        let each = grown(&gantry, before, &open).await?;
        report.at_most("idle relayed socket, KiB of memory", each, 6.0);
        drop((first, open));
        Ok(())
    }

    /// Memory of sockets that logged in, and rest.
    pub(crate) async fn idle(&self, report: &mut Report) -> anyhow::Result<()> {
        let (gantry, _) = self.start().await?;
        load::closed(self.gantry_address, CONNECTIONS, self.warm_requests(), None).await?;
        let first = self.logged_in(FIRST).await?;
        let before = gantry.resident()?;
        let open = self.logged_in(SOCKETS).await?;
        let each = grown(&gantry, before, &open).await?;
        report.at_most("idle logged-in socket, KiB of memory", each, 8.0);
        drop((first, open));
        Ok(())
    }

    /// Time for thousands of sockets to log in at once, first as users that are known and then as users that never were.
    pub(crate) async fn logins(&self, report: &mut Report) -> anyhow::Result<()> {
        let (_gantry, _) = self.start().await?;
        load::closed(self.gantry_address, CONNECTIONS, self.warm_requests(), None).await?;
        let known = self.warm.iter().cycle().take(SOCKETS).cloned().collect();
        let took = self.storm(known).await?;
        report.say(&format!(
            "{SOCKETS} logins at once of {USERS} known users: {:.2} s",
            took.as_secs_f64()
        ));
        let unseen = (0..SOCKETS)
            .map(|user| self.issuer.token(UNSEEN + user, 0))
            .collect::<anyhow::Result<_>>()?;
        let took = self.storm(unseen).await?;
        report.say(&format!(
            "{SOCKETS} logins at once of as many unseen users: {:.2} s",
            took.as_secs_f64()
        ));
        Ok(())
    }

    /// Opens a socket for each token, then logs in on all of them at once.
    async fn storm(&self, tokens: Vec<String>) -> anyhow::Result<Duration> {
        let open = self.open(vec![None; tokens.len()]).await?;
        let began = Instant::now();
        let mut logins = JoinSet::new();
        for (mut socket, token) in open.into_iter().zip(tokens) {
            logins.spawn(async move {
                socket.log_in(&token).await?;
                anyhow::Ok(socket)
            });
        }
        let open = joined(logins).await?;
        let took = began.elapsed();
        ensure!(open.len() == SOCKETS, "only {} sockets got in", open.len());
        Ok(took)
    }

    async fn identified(&self, count: usize) -> anyhow::Result<Vec<Socket>> {
        let tokens = self.warm.iter().cycle().take(count).cloned();
        let mut open = self.open(tokens.map(Some).collect()).await?;
        // One message each way, as any real socket has had before it rests.
        for socket in &mut open {
            let answer = socket.answer(r#"{"msg":"ping"}"#).await?;
            ensure!(answer == r#"{"msg":"pong"}"#, "a ping was told {answer}");
        }
        Ok(open)
    }

    async fn logged_in(&self, count: usize) -> anyhow::Result<Vec<Socket>> {
        let mut open = self.open(vec![None; count]).await?;
        for (socket, token) in open.iter_mut().zip(self.warm.iter().cycle()) {
            socket.log_in(token).await?;
        }
        Ok(open)
    }

    /// Opens sockets, as many at a time as there are connections under load: a listener's queue is short.
    async fn open(&self, tokens: Vec<Option<String>>) -> anyhow::Result<Vec<Socket>> {
        let address = self.gantry_address;
        let tokens = Arc::new(std::sync::Mutex::new(tokens));
        let mut openers = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let tokens = Arc::clone(&tokens);
            openers.spawn(async move {
                let mut open = Vec::new();
                loop {
                    let token = tokens.lock().ok().and_then(|mut tokens| tokens.pop());
                    let Some(token) = token else { return Ok(open) };
                    open.push(Socket::open(address, Framing::Raw, token.as_deref()).await?);
                }
            });
        }
        Ok(joined(openers).await?.into_iter().flatten().collect())
    }
}

async fn joined<T: 'static>(mut tasks: JoinSet<anyhow::Result<T>>) -> anyhow::Result<Vec<T>> {
    let mut all = Vec::with_capacity(tasks.len());
    while let Some(task) = tasks.join_next().await {
        all.push(task??);
    }
    Ok(all)
}

/// KiB that a process grew by for each of these sockets, once all is quiet.
async fn grown(gantry: &Process, before: u64, open: &[Socket]) -> anyhow::Result<f64> {
    sleep(SETTLING).await;
    let grown = gantry.resident()?.saturating_sub(before);
    Ok(f64::from(u32::try_from(grown)?) / f64::from(u32::try_from(open.len())?))
}
