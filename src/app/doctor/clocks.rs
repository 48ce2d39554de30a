//! Do the clocks agree? By the `Date` headers of Rocket.Chat and of the issuers.

use std::time::{Duration, SystemTime};

use url::Url;

use super::{Finding, Report, Ways};
use crate::clock::Clock;
use crate::config::Config;
use crate::config::issuer::KeySource;

/// A skew above this is told. `Date` counts whole seconds, and the answer takes its time.
const NOTABLE: Duration = Duration::from_secs(5);

pub(super) async fn examine(config: &Config, ways: &Ways, clock: &Clock) -> Report {
    let mut report = Report::default();
    if let Ok(url) = ways.base.join("/api/info") {
        report.add(judge(
            "Rocket.Chat",
            skew(&ways.rocketchat, clock, url).await,
            None,
        ));
    }
    for issuer in &config.issuers {
        let url = match &issuer.keys {
            KeySource::JwksUrl(url) => Some(url.clone()),
            KeySource::Discovery => issuer.issuer.parse().ok(),
            KeySource::JwksFile(_) | KeySource::PublicKeyFile(_) | KeySource::Secret(_) => None,
        };
        if let Some(url) = url {
            let skew = skew(&ways.issuers, clock, url).await;
            report.add(judge(&issuer.issuer, skew, Some(issuer.leeway)));
        }
    }
    report
}

/// `None` when no time was told.
async fn skew(http: &reqwest::Client, clock: &Clock, url: Url) -> Option<Duration> {
    let before = clock.now();
    let answer = http.get(url).send().await.ok()?;
    let after = clock.now();
    let told = answer.headers().get("date")?.to_str().ok()?;
    let told: SystemTime = httpdate::parse_http_date(told).ok()?;
    // Anything between sending and hearing is no skew.
    Some(match told.duration_since(after) {
        Ok(ahead) => ahead,
        Err(_) => before.duration_since(told).unwrap_or_default(),
    })
}

fn judge(name: &str, skew: Option<Duration>, leeway: Option<Duration>) -> Finding {
    let id = "clock";
    let Some(skew) = skew else {
        return Finding {
            subject: name.to_owned(),
            ..Finding::skipped(id, "it told no time")
        };
    };
    let seen = format!("off by {} s", skew.as_secs());
    let mend = "set this host's clock, and the other's, by NTP";
    // Whole seconds are told: a second less is no skew.
    let exact = skew.saturating_sub(Duration::from_secs(1));
    if leeway.is_some_and(|leeway| exact > leeway) {
        return Finding::failed(id, name, format!("{seen}, more than the leeway"), mend);
    }
    if exact > leeway.map_or(NOTABLE, |leeway| NOTABLE.min(leeway / 2)) {
        return Finding::warning(id, name, seen, mend);
    }
    Finding::ok(id, name, "agrees")
}
