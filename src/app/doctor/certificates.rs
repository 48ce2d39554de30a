//! The certificate of the public listener: can it be served, and for how long?

use std::time::Duration;

use super::{Finding, Report};
use crate::clock::Clock;
use crate::config::Config;

/// A certificate that ends sooner should have been renewed by now.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

pub(super) fn examine(config: &Config, clock: &Clock) -> Report {
    let id = "certificate";
    let mut report = Report::default();
    let Some(files) = &config.listen.tls else {
        return report;
    };
    let now = clock.now();
    report.add(match files.load(now) {
        Err(fault) => Finding::failed(
            id,
            "",
            fault.to_string(),
            "put a certificate that fits, with its chain and its key, in the files of listen.tls",
        ),
        Ok(served) => {
            let until = humantime::format_rfc3339_seconds(served.expires);
            let seen = format!("good until {until}");
            if served.expires < now + SOON {
                let mend = "renew it, and see what should have renewed it by itself";
                Finding::warning(id, "", seen, mend)
            } else {
                Finding::ok(id, "", seen)
            }
        }
    });
    report
}
