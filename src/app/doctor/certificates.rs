//! Our certificates: can the listener serve its own, can Rocket.Chat be shown the other, and for how long?

use std::time::{Duration, SystemTime};

use super::{Finding, Report};
use crate::clock::Clock;
use crate::config::Config;

/// A certificate that ends sooner should have been renewed by now.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

const ID: &str = "certificate";

pub(super) fn examine(config: &Config, clock: &Clock) -> Report {
    let mut report = Report::default();
    let now = clock.now();
    if let Some(files) = &config.listen.tls {
        report.add(match files.load(now) {
            Err(fault) => Finding::failed(
                ID,
                "listen.tls",
                fault.to_string(),
                "put a certificate that fits, with its chain and its key, in the files of listen.tls",
            ),
            Ok(served) => judge("listen.tls", served.expires, now),
        });
    }
    if let Some(files) = &config.rocketchat.tls {
        match files.load(now) {
            Err(fault) => report.add(Finding::failed(
                ID,
                "rocketchat.tls",
                fault.to_string(),
                "put a certificate that fits, with its key, and Rocket.Chat's authorities in the files of rocketchat.tls",
            )),
            Ok(shown) => {
                if let Some(expires) = shown.expires {
                    report.add(judge("rocketchat.tls", expires, now));
                }
            }
        }
    }
    report
}

fn judge(whose: &str, expires: SystemTime, now: SystemTime) -> Finding {
    let seen = format!("good until {}", humantime::format_rfc3339_seconds(expires));
    if expires < now + SOON {
        let mend = "renew it, and see what should have renewed it by itself";
        Finding::warning(ID, whose, seen, mend)
    } else {
        Finding::ok(ID, whose, seen)
    }
}
