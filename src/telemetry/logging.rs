//! Log set-up: every event of the program goes to one writer, in the configured form.

use std::error::Error;
use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, filter};

use super::access_log::LogWriter;
use super::audit;
use crate::config::telemetry::{LogFormat, Telemetry};

/// Sends the program's events to `writer`. The first call in a process wins; later ones change nothing, which lets tests start
/// several servers.
pub fn install(config: &Telemetry, writer: LogWriter) {
    let lines = Lines(writer);
    let level = filter::LevelFilter::from_level(config.level);
    // Libraries below `warn` would tell of requests in their own words, tokens included.
    let targets = filter::Targets::new()
        .with_default(filter::LevelFilter::WARN)
        .with_target("gantry", level)
        .with_target(
            audit::TARGET,
            match config.audit {
                true => filter::LevelFilter::INFO,
                false => filter::LevelFilter::OFF,
            },
        );
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(lines);
    let registry = tracing_subscriber::registry();
    let _installed = match config.format {
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
