//! WebSockets: does an upgrade come through to Rocket.Chat?

use reqwest::header::{CONNECTION, UPGRADE};

use super::{Finding, PATIENCE, Ways};
use crate::telemetry::logging::chain;

/// Any sixteen bytes will do (RFC 6455 §4.1): nothing is said on the socket.
const KEY: &str = "Z2FudHJ5IGRvY3RvciAgIA==";

pub(super) async fn examine(ways: &Ways) -> Finding {
    let id = "websocket";
    let mend = "let upgrades of /websocket through to Rocket.Chat, where it is one of several services to the one with the sockets";
    let Ok(url) = ways.base.join("/websocket") else {
        return Finding::skipped(id, "rocketchat.url takes no path");
    };
    let asked = ways
        .rocketchat
        .get(url)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", KEY)
        .timeout(PATIENCE)
        .send();
    match asked.await {
        Ok(answer) if answer.status() == 101 => Finding::ok(id, "", "opens"),
        Ok(answer) => {
            let seen = format!("answered with status {}", answer.status().as_u16());
            Finding::failed(id, "", seen, mend)
        }
        Err(error) => Finding::failed(id, "", chain(&error.without_url()), mend),
    }
}
