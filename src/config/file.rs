//! The file's own shape: every key with its description and default. The schema, the reference and the reading follow from it.
//!
//! The schema lies beside this file as it is published; a test holds it to the types. Making it from them at each start would keep a
//! third of a mebibyte of code in memory for good.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::admin::AdminFile;
use super::backchannel_logout::BackchannelLogoutFile;
use super::filter::FilterFile;
use super::iframe::IframeFile;
use super::issuer::IssuerFile;
use super::listen::ListenFile;
use super::proxy::ProxyFile;
use super::rocketchat::RocketChatFile;
use super::session::SessionsFile;
use super::shape::Shape;
use super::telemetry::TelemetryFile;
use super::tokens::TokensFile;
use super::users::UsersFile;
use super::websocket::WebSocketFile;

/// The configuration of Gantry. Environment variables stand over it: `GANTRY_LISTEN__ADDRESS` over `listen.address`.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    /// The public listener.
    pub(super) listen: ListenFile,
    /// The listener for probes and metrics.
    pub(super) admin: AdminFile,
    /// Where Rocket.Chat is, and how Gantry acts there.
    pub(super) rocketchat: RocketChatFile,
    /// Who signs JWTs; at least one.
    pub(super) issuers: Vec<IssuerFile>,
    /// Where a JWT may stand in a request; tried in this order.
    pub(super) tokens: TokensFile,
    /// How principals become Rocket.Chat users.
    pub(super) users: UsersFile,
    /// How long sessions live, and what ends them.
    pub(super) sessions: SessionsFile,
    /// What passes, and who may embed it.
    pub(super) proxy: ProxyFile,
    /// What sockets may cost, and do without a login.
    pub(super) websocket: WebSocketFile,
    /// How browsers that show Rocket.Chat inside a host page are known.
    pub(super) iframe: IframeFile,
    /// Whether a gateway may ask which requests go on, and with which credentials.
    pub(super) filter: FilterFile,
    /// Whether issuers may say that a session of theirs is over.
    pub(super) backchannel_logout: BackchannelLogoutFile,
    /// What Gantry tells about itself.
    pub(super) telemetry: TelemetryFile,
}

/// The shapes of all keys, read from the schema once.
pub(super) static SHAPES: LazyLock<Shape> = LazyLock::new(|| Shape::of(&schema()));

/// The JSON Schema of the file, definitions inlined, so that the shapes are read from it as it is.
///
/// # Panics
/// Never: a test reads it.
pub(super) fn schema() -> Value {
    serde_json::from_str(include_str!("schema.json")).expect("the schema is JSON")
}

/// The same from the types.
#[cfg(test)]
pub(super) fn derived() -> Value {
    use schemars::generate::SchemaSettings;

    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<File>()
        .to_value();
    tidy(&mut schema);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("title".to_owned(), Value::from("Gantry configuration"));
    }
    schema
}

/// Takes out the defaults of whole sections: those of their keys say the same.
#[cfg(test)]
fn tidy(schema: &mut Value) {
    if let Some(keys) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for key in keys.values_mut() {
            if let (true, Some(key)) = (key.get("properties").is_some(), key.as_object_mut()) {
                key.remove("default");
            }
            tidy(key);
        }
    }
    if let Some(entry) = schema.get_mut("items") {
        tidy(entry);
    }
}
