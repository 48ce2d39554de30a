//! Issuers that say over the back channel that a session of theirs is over (OpenID Connect Back-Channel Logout 1.0).

use gantry::config::issuer::Issuer as Setting;
use serde_json::Value;

use crate::support::gateway::Gateway;

mod meanings;
mod refusals;

const ENDPOINT: &str = "/_gantry/backchannel-logout";
const ECHO: &str = "/api/v1/gantry-test.echo";
const FORM: &str = "application/x-www-form-urlencoded";

/// The second issuer.
const OTHER: &str = "https://intranet.example.org";

/// Sends a logout token as providers do.
async fn send(gateway: &Gateway, logout_token: &str) -> reqwest::Response {
    let form = format!("logout_token={logout_token}");
    post(gateway, form, FORM).await
}

async fn post(gateway: &Gateway, body: String, kind: &str) -> reqwest::Response {
    let request = gateway.client.post(gateway.url(ENDPOINT));
    let request = request.header("content-type", kind).body(body);
    request.send().await.unwrap()
}

/// The issuer says so, and is believed.
async fn ends(gateway: &Gateway, names: Value) {
    let answer = send(gateway, &gateway.issuer.logout_token(names)).await;
    assert_eq!(answer.status(), 200, "{}", gateway.log.text());
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert!(!answer.headers().contains_key("set-cookie"));
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
    assert_eq!(answer.text().await.unwrap(), "");
}

async fn status(gateway: &Gateway, token: &str) -> u16 {
    let answer = gateway.get(ECHO, token).send().await.unwrap();
    answer.status().as_u16()
}

/// The only issuer of the config, again with a change.
fn changed(setting: &Setting, change: impl FnOnce(&mut Setting)) -> std::sync::Arc<Setting> {
    let mut setting = setting.clone();
    change(&mut setting);
    setting.into()
}
