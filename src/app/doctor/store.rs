//! The session store: can it be used, and does it keep what it is given?

use super::{Finding, PATIENCE, Report};
use crate::config::Config;
use crate::session::store::look;

pub(super) async fn examine(config: &Config) -> Report {
    let id = "store";
    let mut report = Report::default();
    let looked = tokio::time::timeout(PATIENCE, look(&config.sessions.store)).await;
    match looked {
        Err(_) => report.add(Finding::failed(
            id,
            "",
            "no answer in time",
            "see that what sessions.store names runs and is open to this host",
        )),
        Ok(Err(flaw)) => report.add(Finding::failed(id, "", flaw.seen, flaw.mend)),
        Ok(Ok((seen, flaws))) => {
            report.add(Finding::ok(id, "", seen));
            for flaw in flaws {
                report.add(Finding::warning(id, "", flaw.seen, flaw.mend));
            }
        }
    }
    report
}
