//! The configuration of the demo's Gantry: the same YAML that a real one reads from its file.

use gantry::config::{Config, Environment};
use lookalike::Lookalike;
use serde_json::json;

use crate::host::JWT_COOKIE;
use crate::jwt::AUDIENCE;
use crate::options::{Ports, loopback};

/// Gantry between this host application and this Rocket.Chat.
///
/// # Errors
/// When the text is not what Gantry reads.
pub(crate) fn config(
    ports: &Ports,
    rocketchat: &Lookalike,
    verbose: bool,
) -> anyhow::Result<Config> {
    let host = format!("http://{}", loopback(ports.host));
    // JSON is YAML, and quotes by itself.
    let text = json!({
        "listen": {
            "address": loopback(ports.gantry),
            "public_url": format!("http://{}", loopback(ports.gantry)),
        },
        "admin": { "address": loopback(ports.admin) },
        "rocketchat": {
            "url": rocketchat.url(),
            "service_account": {
                "user_id": rocketchat.service_user_id(),
                "auth_token": rocketchat.service_token(),
            },
            "create_token_secret": lookalike::Options::SECRET,
        },
        "issuers": [{
            "issuer": host,
            "audiences": [AUDIENCE],
            "algorithms": ["ES256"],
            "jwks_url": format!("{host}/.well-known/jwks.json"),
        }],
        "tokens": { "cookie": JWT_COOKIE },
        // The host application's page keeps a live line of its own open, and shows rooms in a frame.
        "proxy": { "frame_ancestors": [host], "allowed_origins": [host] },
        // Both stand on one site, which is spoken to without TLS.
        "iframe": { "cookie": { "same_site": "lax", "partitioned": false, "secure": false } },
        "telemetry": {
            "log": { "format": "text", "level": if verbose { "info" } else { "warn" } },
        },
    });
    // The environment of whoever tries the demo is none of its business.
    Ok(Config::parse(&text.to_string(), &Environment::default())?)
}
