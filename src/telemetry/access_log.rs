//! The access log: one line per request, and the writer that all log lines share.
//!
//! Lines are put together without the logging framework's formatter and gathered in memory; a thread of its own writes them out at
//! most [`FLUSH_EVERY`] later, so that a request costs no system call for its line. The memory is bounded: a reader that is too
//! slow loses lines, and the loss is counted.

use std::cell::RefCell;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::metrics::Metrics;
use crate::config::telemetry::LogFormat;

/// How long a line may wait in memory: short enough for people who follow the log, long enough to gather a busy second's lines.
pub const FLUSH_EVERY: Duration = Duration::from_millis(50);

/// Bytes waiting at most: some thousand lines.
const CAPACITY: usize = 1024 * 1024;

/// Where log lines go; cheap to clone.
#[derive(Clone, Debug)]
pub struct LogWriter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    waiting: Mutex<Vec<u8>>,
    writer: std::sync::OnceLock<Thread>,
    metrics: Metrics,
}

impl LogWriter {
    /// Starts the thread that writes to `output`.
    #[must_use]
    pub fn new(mut output: impl Write + Send + 'static, metrics: Metrics) -> Self {
        let shared = Arc::new(Shared {
            waiting: Mutex::new(Vec::new()),
            writer: std::sync::OnceLock::new(),
            metrics,
        });
        let weak = Arc::downgrade(&shared);
        let spawned = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || {
                let mut lines = Vec::new();
                loop {
                    std::thread::park_timeout(Duration::from_secs(1));
                    std::thread::sleep(FLUSH_EVERY);
                    let Some(shared) = weak.upgrade() else { break };
                    shared.take(&mut lines);
                    drop(shared);
                    // A log that cannot be written has nowhere to complain to.
                    let _written = output.write_all(&lines).and_then(|()| output.flush());
                    lines.clear();
                    lines.shrink_to(CAPACITY / 16);
                }
            });
        if let Ok(handle) = spawned {
            let _first = shared.writer.set(handle.thread().clone());
        }
        Self(shared)
    }

    /// Hands one whole line over, line break included.
    pub fn write_line(&self, line: &[u8]) {
        let mut waiting = self.0.waiting();
        if waiting.len() + line.len() > CAPACITY {
            drop(waiting);
            self.0.metrics.log_line_dropped();
            return;
        }
        let first = waiting.is_empty();
        waiting.extend_from_slice(line);
        drop(waiting);
        if first && let Some(writer) = self.0.writer.get() {
            writer.unpark();
        }
    }

    /// Waits until what was handed over is written, for a while at most; for the end of the program.
    pub fn flush(&self) {
        for _ in 0..20 {
            if self.0.waiting().is_empty() {
                break;
            }
            std::thread::sleep(FLUSH_EVERY);
        }
        // The writer took the lines; give its write call the time to end.
        std::thread::sleep(FLUSH_EVERY);
    }
}

impl Shared {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, lines: &mut Vec<u8>) {
        std::mem::swap(&mut *self.waiting(), lines);
    }
}

/// What the access log says of one request (style: OpenTelemetry names). No query, no name, no token.
#[derive(Debug)]
pub struct Entry<'a> {
    /// `request.id`.
    pub request_id: super::request_id::RequestId,
    /// `http.request.method`.
    pub method: &'a str,
    /// `url.path`.
    pub path: &'a str,
    /// `http.route`.
    pub route: &'static str,
    /// `http.response.status_code`.
    pub status: u16,
    /// Time to the answer's head.
    pub duration: Duration,
    /// `session.id`.
    pub session_id: Option<&'a str>,
    /// `rocketchat.user_id`.
    pub user_id: Option<&'a str>,
    /// `error.kind` and `error`, when the request failed.
    pub error: Option<(&'static str, String)>,
}

/// Writes access log lines; cheap to clone.
#[derive(Clone, Debug)]
pub struct AccessLog {
    writer: LogWriter,
    format: LogFormat,
    level: tracing::Level,
}

impl AccessLog {
    /// Lines of `format` to `writer`, for requests at or above `level`.
    #[must_use]
    pub fn new(writer: LogWriter, format: LogFormat, level: tracing::Level) -> Self {
        Self {
            writer,
            format,
            level,
        }
    }

    /// Writes one line. A request that we failed is an error, one that Rocket.Chat failed a warning, all else info.
    pub fn write(&self, now: SystemTime, entry: &Entry<'_>) {
        let level = match (&entry.error, entry.status) {
            (Some(_), 500..) => tracing::Level::ERROR,
            (None, 500..) => tracing::Level::WARN,
            _ => tracing::Level::INFO,
        };
        if level > self.level {
            return;
        }
        thread_local! {
            static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        LINE.with_borrow_mut(|line| {
            line.clear();
            match self.format {
                LogFormat::Json => json(line, now, level, entry),
                LogFormat::Text => text(line, now, level, entry),
            }
            line.push(b'\n');
            self.writer.write_line(line);
        });
    }
}

fn json(line: &mut Vec<u8>, now: SystemTime, level: tracing::Level, entry: &Entry<'_>) {
    // Writing into memory cannot fail.
    let _written = write!(
        line,
        "{{\"timestamp\":\"{}\",\"level\":\"{level}\",\"message\":\"request {id} answered\",\"request.id\":\"{id}\"",
        humantime::format_rfc3339_millis(now),
        id = entry.request_id,
    );
    field(line, "http.request.method", &entry.method);
    field(line, "url.path", &entry.path);
    field(line, "http.route", &entry.route);
    field(line, "http.response.status_code", &entry.status);
    let _written = write!(
        line,
        ",\"duration_ms\":{:.3}",
        entry.duration.as_secs_f64() * 1000.0
    );
    if let Some(session_id) = entry.session_id {
        field(line, "session.id", &session_id);
    }
    if let Some(user_id) = entry.user_id {
        field(line, "rocketchat.user_id", &user_id);
    }
    if let Some((kind, chain)) = &entry.error {
        field(line, "error.kind", kind);
        field(line, "error", chain);
    }
    line.push(b'}');
}

fn field(line: &mut Vec<u8>, name: &str, value: &impl Serialize) {
    line.extend_from_slice(b",\"");
    line.extend_from_slice(name.as_bytes());
    line.extend_from_slice(b"\":");
    // Strings and numbers always serialise; JSON's escaping keeps a hostile path on its own line.
    let _written = serde_json::to_writer(line, value);
}

fn text(line: &mut Vec<u8>, now: SystemTime, level: tracing::Level, entry: &Entry<'_>) {
    let _written = write!(
        line,
        "{} {level:>5} {} {} {} {} {:.1}ms",
        humantime::format_rfc3339_seconds(now),
        entry.status,
        entry.method,
        entry.path.escape_debug(),
        entry.route,
        entry.duration.as_secs_f64() * 1000.0,
    );
    if let Some((kind, chain)) = &entry.error {
        let _written = write!(line, " {kind}: {chain}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::telemetry::request_id::RequestIds;

    #[test]
    fn the_request_id_is_the_same_in_the_message_and_in_its_field() {
        let entry = Entry {
            request_id: RequestIds::random().next(),
            method: "GET",
            path: "/api/v1/me",
            route: "api",
            status: 200,
            duration: Duration::from_millis(3),
            session_id: None,
            user_id: None,
            error: None,
        };
        let mut line = Vec::new();

        json(
            &mut line,
            Clock::system().now(),
            tracing::Level::INFO,
            &entry,
        );

        let line: serde_json::Value = serde_json::from_slice(&line).unwrap();
        let id = entry.request_id.to_string();
        assert_eq!(line["request.id"], id);
        assert_eq!(line["message"], format!("request {id} answered"));
    }
}
