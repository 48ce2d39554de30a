//! Section `telemetry`: what the logs look like.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Logs.
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// The log's form.
    pub format: LogFormat,
    /// Least level written: `error`, `warn`, `info`, `debug`; default `info`.
    pub level: tracing::Level,
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
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TelemetryFile {
    /// What the log looks like.
    log: LogFile,
}

#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct LogFile {
    /// `json` for one object a line, `text` for people at a terminal.
    format: FormatWord,
    /// Least level written.
    level: LevelWord,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum FormatWord {
    #[default]
    Json,
    Text,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum LevelWord {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
}

impl From<&TelemetryFile> for Telemetry {
    /// The words leave nothing to check.
    fn from(file: &TelemetryFile) -> Self {
        Self {
            format: match file.log.format {
                FormatWord::Json => LogFormat::Json,
                FormatWord::Text => LogFormat::Text,
            },
            level: match file.log.level {
                LevelWord::Error => tracing::Level::ERROR,
                LevelWord::Warn => tracing::Level::WARN,
                LevelWord::Info => tracing::Level::INFO,
                LevelWord::Debug => tracing::Level::DEBUG,
            },
        }
    }
}
