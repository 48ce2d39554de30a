//! Requests through one process: warm ones, ones with tokens that were never seen, their latency, and its memory before and after.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::part::Part;
use crate::process::Process;
use crate::report::Report;
use crate::{
    Bench, CONNECTIONS, FRESH, FRESH_ROUNDS, RATE, ROUND, ROUNDS, USERS, load, mebibytes,
    per_request, report,
};

impl Bench {
    /// The parts that one process goes through, in this order: its memory is judged before and after.
    pub(crate) async fn under_load(
        &self,
        report: &mut Report,
        parts: &[Part],
    ) -> anyhow::Result<()> {
        let (gantry, _) = self.start().await?;
        if parts.contains(&Part::Memory) {
            // Threads that start-up needed have gone by then.
            sleep(Duration::from_secs(2)).await;
            report.at_most("memory idle, MiB", mebibytes(gantry.resident()?), 12.0);
        }
        let warm = self.warm_requests();
        // Everybody is exchanged and both pools are filled before anything is measured.
        for address in [self.gantry_address, self.passthrough_address] {
            load::closed(address, CONNECTIONS, Arc::clone(&warm), None).await?;
        }
        if parts.contains(&Part::Warm) {
            self.warm(report, &gantry, &warm).await?;
        }
        if parts.contains(&Part::Fresh) {
            self.fresh(report, &gantry).await?;
        }
        if parts.contains(&Part::Latency) {
            self.latency(report, &warm).await?;
        }
        if parts.contains(&Part::Memory) {
            let loaded = mebibytes(gantry.resident()?);
            report.at_most("memory after the load, MiB", loaded, 25.0);
        }
        Ok(())
    }

    async fn warm(
        &self,
        report: &mut Report,
        gantry: &Process,
        warm: &Arc<Vec<Vec<u8>>>,
    ) -> anyhow::Result<()> {
        let mut ratios = Vec::new();
        for _ in 0..ROUNDS {
            let yardstick = self.yardstick(warm, Some(ROUND)).await?;
            let ours = per_request(gantry, self.gantry_address, warm, Some(ROUND)).await?;
            report.note(&format!(
                "warm round: pass-through {:.1} µs, gantry {:.1} µs of CPU a request",
                yardstick * 1e6,
                ours * 1e6
            ));
            ratios.push(ours / yardstick);
        }
        report.at_most(
            "warm request, CPU against pass-through",
            report::median(&mut ratios),
            1.10,
        );
        Ok(())
    }

    async fn fresh(&self, report: &mut Report, gantry: &Process) -> anyhow::Result<()> {
        let mut ratios = Vec::new();
        for round in 0..FRESH_ROUNDS {
            let fresh = (0..FRESH)
                .map(|index| {
                    let token = self
                        .issuer
                        .token(index % USERS, 1 + round * FRESH + index)?;
                    Ok(load::request(&token))
                })
                .collect::<anyhow::Result<Vec<_>>>()?;
            let fresh = Arc::new(fresh);
            let yardstick = self.yardstick(&fresh, None).await?;
            let ours = per_request(gantry, self.gantry_address, &fresh, None).await?;
            report.note(&format!(
                "fresh round: pass-through {:.1} µs, gantry {:.1} µs of CPU a request",
                yardstick * 1e6,
                ours * 1e6
            ));
            ratios.push(ours / yardstick);
        }
        report.at_most(
            "never-seen token, CPU against pass-through",
            report::median(&mut ratios),
            2.2,
        );
        Ok(())
    }

    pub(crate) fn warm_requests(&self) -> Arc<Vec<Vec<u8>>> {
        let requests = self.warm.iter().map(|token| load::request(token));
        Arc::new(requests.collect())
    }

    async fn latency(&self, report: &mut Report, warm: &Arc<Vec<Vec<u8>>>) -> anyhow::Result<()> {
        let (mut p50, mut p99) = (Vec::new(), Vec::new());
        let pace = (RATE, Duration::from_secs(3));
        for _ in 0..3 {
            let yardstick = load::paced(
                self.passthrough_address,
                CONNECTIONS,
                Arc::clone(warm),
                pace,
            )
            .await?;
            let ours =
                load::paced(self.gantry_address, CONNECTIONS, Arc::clone(warm), pace).await?;
            for (added, share) in [(&mut p50, 0.50), (&mut p99, 0.99)] {
                added
                    .push(report::percentile(&ours, share) - report::percentile(&yardstick, share));
            }
        }
        let (p50, p99) = (report::median(&mut p50), report::median(&mut p99));
        report.say(&format!(
            "added latency at {RATE} requests/s: p50 {p50:.0} µs, p99 {p99:.0} µs"
        ));
        Ok(())
    }
}
