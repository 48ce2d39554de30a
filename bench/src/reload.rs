//! What a reload costs those who ask meanwhile: many issuers are believed anew, again and again, under load.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use tokio::time::sleep;

use crate::load;
use crate::process::Process;
use crate::report::{self, Report};
use crate::{Bench, CONNECTIONS, RATE, configuration};

const ISSUERS: usize = 50;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(4);

/// Between two reloads: as close as Gantry lets them follow each other.
const BETWEEN: Duration = Duration::from_millis(250);

impl Bench {
    /// The longest wait of a request, with reloads against without.
    pub(crate) async fn reload(&self, report: &mut Report) -> anyhow::Result<()> {
        let path = self.folder.join("reloaded.yaml");
        std::fs::write(&path, self.many_issuers(0)?)?;
        let (gantry, _) = self.start_with(&path.to_string_lossy()).await?;
        let warm = self.warm_requests();
        load::closed(self.gantry_address, CONNECTIONS, Arc::clone(&warm), None).await?;
        let (mut delays, mut written) = (Vec::new(), 0);
        for _ in 0..ROUNDS {
            let ask = || {
                load::paced(
                    self.gantry_address,
                    CONNECTIONS,
                    Arc::clone(&warm),
                    (RATE, ROUND),
                )
            };
            let quiet = ask().await?;
            let busy = tokio::select! {
                busy = ask() => busy?,
                failed = self.keep_reloading(&gantry, &path, &mut written) => return failed,
            };
            let longest = |sorted: &[Duration]| {
                sorted
                    .last()
                    .map_or(f64::NAN, |latency| latency.as_secs_f64() * 1000.0)
            };
            report.note(&format!(
                "reload round: longest wait {:.1} ms, with reloads {:.1} ms; p99 {:.2} ms, with reloads {:.2} ms",
                longest(&quiet),
                longest(&busy),
                report::percentile(&quiet, 0.99) / 1000.0,
                report::percentile(&busy, 0.99) / 1000.0,
            ));
            delays.push(longest(&busy) - longest(&quiet));
        }
        let log = std::fs::read_to_string(self.log(self.admin))?;
        let applied = log.matches("is in force").count();
        ensure!(
            applied * 2 > written,
            "{applied} of {written} changes were applied"
        );
        report.note(&format!(
            "{applied} configurations with {ISSUERS} issuers were applied"
        ));
        report.at_most(
            "longest wait added by reloads, ms",
            report::median(&mut delays),
            50.0,
        );
        Ok(())
    }

    async fn keep_reloading(
        &self,
        gantry: &Process,
        path: &Path,
        written: &mut usize,
    ) -> anyhow::Result<()> {
        loop {
            *written += 1;
            std::fs::write(path, self.many_issuers(*written)?)?;
            gantry.hang_up()?;
            sleep(BETWEEN).await;
        }
    }

    /// A config with other rules for every issuer than the one before, and other keys for all but the two that are used.
    fn many_issuers(&self, version: usize) -> anyhow::Result<String> {
        let base = configuration(
            &self.folder,
            self.gantry_address,
            self.admin,
            self.upstream_address,
        );
        let leeway = format!("    leeway: {}s\n    audiences: [chat]", version % 60 + 1);
        let mut issuers = String::new();
        for issuer in 2..ISSUERS {
            let pem = self
                .folder
                .join(format!("issuer-{issuer}-{}.pem", version % 2));
            if !pem.exists() {
                std::fs::copy(self.folder.join("issuer.pem"), &pem)?;
            }
            write!(
                issuers,
                "  - issuer: https://{issuer}.example.com\n{leeway}\n    algorithms: [RS256]\n    public_key_file: {}\n",
                pem.display()
            )?;
        }
        let base = base.replace("    audiences: [chat]", &leeway);
        Ok(base.replace("users: {", &format!("{issuers}users: {{")))
    }
}
