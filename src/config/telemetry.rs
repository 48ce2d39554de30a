//! Section `telemetry`: what the logs look like.

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
