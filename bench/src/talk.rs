//! Talk on logged-in sockets, against a relay of bytes: how long a round trip takes, and what a message costs.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::ensure;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::process::Process;
use crate::report::{self, Report};
use crate::socket::{Framing, Socket};
use crate::upstream::ddp::STRETCH;
use crate::{Bench, ROUND, ROUNDS};

/// Round trips of one socket in a round; enough for a median, few enough that neighbouring rounds see the same machine.
const TRIPS: usize = 4000;

/// Sockets that talk at once.
const TALKERS: usize = 256;

/// One of the two that are compared.
struct Measured<'a> {
    process: &'a Process,
    address: SocketAddr,
}

impl Bench {
    /// Compares Gantry with the relay of bytes.
    pub(crate) async fn ddp(&self, report: &mut Report) -> anyhow::Result<()> {
        let (gantry, _) = self.start().await?;
        let yardstick = Measured {
            process: &self.passthrough,
            address: self.passthrough_address,
        };
        let ours = Measured {
            process: &gantry,
            address: self.gantry_address,
        };
        for (framing, named) in [(Framing::Raw, "ddp"), (Framing::SockJs, "sockjs")] {
            let trip = self.trips([&yardstick, &ours], framing).await?;
            let cost = self.costs(report, [&yardstick, &ours], framing).await?;
            if framing == Framing::Raw {
                report.at_most("ddp round trip, p50 against a byte relay", trip, 1.10);
                report.at_most("ddp message, CPU against a byte relay", cost, 1.3);
            } else {
                report.say(&format!(
                    "{named} against a byte relay: round trip {trip:.2}, CPU {cost:.2}"
                ));
            }
        }
        Ok(())
    }

    /// The median of the ratios of neighbouring rounds' median round trips.
    async fn trips(&self, both: [&Measured<'_>; 2], framing: Framing) -> anyhow::Result<f64> {
        let [mut yardstick, mut ours] = [
            self.talker(both[0], framing, 0).await?,
            self.talker(both[1], framing, 0).await?,
        ];
        let mut ratios = Vec::new();
        for _ in 0..ROUNDS {
            let yardstick = trip(&mut yardstick).await?;
            let ours = trip(&mut ours).await?;
            ratios.push(ours / yardstick);
        }
        Ok(report::median(&mut ratios))
    }

    /// The median of the ratios of neighbouring rounds' CPU times per message.
    async fn costs(
        &self,
        report: &Report,
        both: [&Measured<'_>; 2],
        framing: Framing,
    ) -> anyhow::Result<f64> {
        let mut talkers = [
            self.talkers(both[0], framing).await?,
            self.talkers(both[1], framing).await?,
        ];
        let mut ratios = Vec::new();
        for _ in 0..ROUNDS {
            let yardstick = cost(both[0].process, &mut talkers[0]).await?;
            let ours = cost(both[1].process, &mut talkers[1]).await?;
            report.note(&format!(
                "{framing:?} round: relay {:.2} µs, gantry {:.2} µs of CPU a message",
                yardstick * 1e6,
                ours * 1e6
            ));
            ratios.push(ours / yardstick);
        }
        Ok(report::median(&mut ratios))
    }

    async fn talkers(&self, of: &Measured<'_>, framing: Framing) -> anyhow::Result<Vec<Socket>> {
        let mut talkers = Vec::with_capacity(TALKERS);
        for user in 0..TALKERS {
            talkers.push(self.talker(of, framing, user).await?);
        }
        Ok(talkers)
    }

    async fn talker(
        &self,
        of: &Measured<'_>,
        framing: Framing,
        user: usize,
    ) -> anyhow::Result<Socket> {
        let mut socket = Socket::open(of.address, framing, None).await?;
        socket.log_in(&self.warm[user]).await?;
        Ok(socket)
    }
}

/// The median round trip of one socket, in seconds; what comes down is as long as what went up.
async fn trip(socket: &mut Socket) -> anyhow::Result<f64> {
    let frame = socket.framed(&message("bench:echo"));
    let mut trips = Vec::with_capacity(TRIPS);
    for _ in 0..TRIPS {
        let began = Instant::now();
        socket.ask(&frame).await?;
        trips.push(began.elapsed());
    }
    trips.sort_unstable();
    Ok(report::percentile(&trips, 0.50) / 1e6)
}

/// CPU seconds of a process for each message that passes it, in whichever direction, while all sockets talk.
async fn cost(process: &Process, talkers: &mut Vec<Socket>) -> anyhow::Result<f64> {
    let before = process.cpu()?;
    let end = Instant::now() + ROUND;
    let mut tasks = JoinSet::new();
    for mut socket in talkers.drain(..) {
        let frame = socket.framed(&message(STRETCH));
        tasks.spawn(async move {
            let mut answered = 0_u32;
            while Instant::now() < end {
                socket.ask(&frame).await?;
                answered += 1;
            }
            anyhow::Ok((socket, answered))
        });
    }
    let mut messages = 0;
    while let Some(task) = tasks.join_next().await {
        let (socket, answered) = task??;
        talkers.push(socket);
        messages += 2 * answered;
    }
    let spent: Duration = process.cpu()?.saturating_sub(before);
    ensure!(messages > 1000, "only {messages} messages passed");
    Ok(spent.as_secs_f64() / f64::from(messages))
}

/// A call of two hundred bytes, in the shape of a message that somebody writes.
fn message(method: &str) -> String {
    format!(
        r#"{{"msg":"method","method":"{method}","id":"42","params":[{{"_id":"aaaaaaaaaaaaaaaaa","rid":"GENERAL","msg":"{:m<90}"}}]}}"#,
        "Good morning, "
    )
}
