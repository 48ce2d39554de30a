//! Section `telemetry`: what the logs look like, and where traces go.

use std::path::PathBuf;

use http::HeaderMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

mod validate;

/// Logs and traces.
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// The log's form.
    pub format: LogFormat,
    /// Least level written: `error`, `warn`, `info`, `debug`; default `info`.
    pub level: tracing::Level,
    /// Write who came and went whatever the level; default `true`.
    pub audit: bool,
    /// Where traces go; `None` makes none.
    pub traces: Option<Traces>,
}

/// Traces by OpenTelemetry.
#[derive(Clone, Debug)]
pub struct Traces {
    /// The collector; with the path of traces where that is a matter of the URL.
    pub endpoint: Url,
    /// How the collector is spoken to.
    pub protocol: OtlpProtocol,
    /// Fields of each request to the collector, all of them sensitive.
    pub headers: HeaderMap,
    /// Share of traces that are kept, from 0 to 1, where who asks did not decide.
    pub sample_ratio: f64,
    /// `service.name`.
    pub service_name: String,
}

/// The ways of OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// gRPC, port 4317 as a rule.
    Grpc,
    /// Protocol buffers over HTTP, port 4318 as a rule.
    Http,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people at a terminal.
    Text,
}

/// The section as the file has it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TelemetryFile {
    /// What the log looks like.
    log: LogFile,
    /// URL of an OpenTelemetry collector that takes traces over OTLP, such as `http://127.0.0.1:4317`; empty for none.
    otlp_endpoint: String,
    /// `grpc`, or `http` for protocol buffers over HTTP, which go to `/v1/traces` below the endpoint.
    otlp_protocol: ProtocolWord,
    /// File with fields for each request to the collector, such as its credentials: one `name: value` a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    otlp_headers_file: Option<PathBuf>,
    /// Share of traces that are kept, from 0 to 1; requests that come with a `traceparent` are traced if and only if that says so.
    sample_ratio: f64,
    /// What traces call Gantry (`service.name`).
    service_name: String,
}

impl Default for TelemetryFile {
    fn default() -> Self {
        Self {
            log: LogFile::default(),
            otlp_endpoint: String::new(),
            otlp_protocol: ProtocolWord::Grpc,
            otlp_headers_file: None,
            sample_ratio: 1.0,
            service_name: "gantry".to_owned(),
        }
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct LogFile {
    /// `json` for one object a line, `text` for people at a terminal.
    format: FormatWord,
    /// Least level written.
    level: LevelWord,
    /// Write a line for each session that begins or ends, whatever the level.
    audit: bool,
}

impl Default for LogFile {
    fn default() -> Self {
        Self {
            format: FormatWord::Json,
            level: LevelWord::Info,
            audit: true,
        }
    }
}

#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum ProtocolWord {
    Grpc,
    Http,
}

#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum FormatWord {
    Json,
    Text,
}

#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum LevelWord {
    Error,
    Warn,
    Info,
    Debug,
}
