//! The issuers: do their keys come, and is one of them of use?

use futures_util::future::join_all;

use super::{Finding, Report};
use crate::config::Config;
use crate::jwt::try_keys;

pub(super) async fn examine(config: &Config, http: &reqwest::Client) -> Report {
    let id = "issuer-keys";
    let read = config
        .issuers
        .iter()
        .map(|rules| try_keys(rules, http.clone()));
    let mut report = Report::default();
    for (rules, keys) in config.issuers.iter().zip(join_all(read).await) {
        let name = &rules.issuer;
        report.add(match keys {
            Err(lack) => Finding::failed(id, name, lack.seen, lack.mend),
            Ok(keys) => {
                let count = keys.usable;
                let seen = match keys.refused {
                    None => format!("{count} to verify with"),
                    Some(why) => format!("{count} to verify with; others are left out: {why}"),
                };
                Finding::ok(id, name, seen)
            }
        });
    }
    report
}
