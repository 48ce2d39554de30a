//! Log set-up: every event of the program goes to one writer, in the configured form.

use std::error::Error;
use std::io::{self, Write};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry, reload};

use super::access_log::LogWriter;
use super::audit;
use crate::config::telemetry::{LogFormat, Telemetry};

/// Sets the least level of the program's events while it runs.
#[derive(Clone, Debug)]
pub struct Levels(Option<reload::Handle<Targets, Registry>>);

impl Levels {
    /// Writes what this section wants from now on.
    pub fn set(&self, config: &Telemetry) {
        if let Some(handle) = &self.0 {
            // Fails only when nobody logs any more.
            let _set = handle.reload(targets(config));
        }
    }
}

/// Sends the program's events to `writer`. The first call in a process wins; later ones change nothing, which lets tests start
/// several servers.
pub fn install(config: &Telemetry, writer: LogWriter) -> Levels {
    let lines = Lines(writer);
    let (targets, levels) = reload::Layer::new(targets(config));
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(lines);
    let registry = tracing_subscriber::registry();
    let installed = match config.format {
        LogFormat::Json => registry
            .with(
                layer
                    .json()
                    .flatten_event(true)
                    .with_current_span(false)
                    .with_span_list(false)
                    .with_filter(targets),
            )
            .try_init(),
        LogFormat::Text => registry.with(layer.with_filter(targets)).try_init(),
    };
    Levels(installed.is_ok().then_some(levels))
}

fn targets(config: &Telemetry) -> Targets {
    // Libraries below `warn` would tell of requests in their own words, tokens included.
    Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("gantry", LevelFilter::from_level(config.level))
        .with_target(
            audit::TARGET,
            match config.audit {
                true => LevelFilter::INFO,
                false => LevelFilter::OFF,
            },
        )
}

/// An error with all its causes, on one line.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut chain = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        chain.push_str(": ");
        chain.push_str(&cause.to_string());
        source = cause.source();
    }
    chain
}

#[derive(Clone, Debug)]
struct Lines(LogWriter);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
