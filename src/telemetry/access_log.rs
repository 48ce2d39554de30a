//! The access log: one line per request, and the writer that all log lines share.
//!
//! Lines are put together without the logging framework's formatter and gathered in memory; a thread of its own writes them out at
//! most [`FLUSH_EVERY`] later, so that a request costs no system call for its line. The memory is bounded: a reader that is too
//! slow loses lines, and the loss is counted.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::metrics::Metrics;
use crate::config::telemetry::LogFormat;

/// How long a line may wait in memory: short enough for people who follow the log, long enough to gather a busy second's lines.
pub const FLUSH_EVERY: Duration = Duration::from_millis(50);

/// Bytes waiting at most: some thousand lines.
const CAPACITY: usize = 1024 * 1024;

/// Bytes of buffer that are kept through quiet times.
const KEPT: usize = 16 * 1024;

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
                    // What the last round needed is needed again; growing into it anew each time costs more than the round itself.
                    let used = lines.len();
                    lines.clear();
                    if lines.capacity() / 4 > used.max(KEPT) {
                        lines.shrink_to(used.max(KEPT));
                    }
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
    /// `trace.id`, where it is traced.
    pub trace_id: Option<String>,
    /// `http.request.method`.
    pub method: &'a str,
    /// `url.path`.
    pub path: &'a str,
    /// `http.route`.
    pub route: &'static str,
    /// `dialect`, when a gateway asked.
    pub dialect: Option<&'static str>,
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
            static LINE: RefCell<Line> = RefCell::default();
        }
        LINE.with_borrow_mut(|line| {
            line.bytes.clear();
            match self.format {
                LogFormat::Json => json(line, now, level, entry),
                LogFormat::Text => text(line, now, level, entry),
            }
            line.bytes.push(b'\n');
            self.writer.write_line(&line.bytes);
        });
    }
}

/// A line in the making, kept by each thread for the next one.
#[derive(Debug, Default)]
struct Line {
    bytes: Vec<u8>,
    /// The second that `date` stands for.
    second: u64,
    /// Date and time of day up to the seconds; most lines of a busy time share it.
    date: String,
}

impl Line {
    fn timestamp(&mut self, now: SystemTime) {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        if self.date.is_empty() || self.second != since.as_secs() {
            self.second = since.as_secs();
            let date = humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string();
            date.trim_end_matches('Z').clone_into(&mut self.date);
        }
        self.bytes.extend_from_slice(self.date.as_bytes());
        self.thousandths(since.subsec_millis());
        self.bytes.push(b'Z');
    }

    /// A point and three digits.
    fn thousandths(&mut self, number: u32) {
        let digit = |place: u32| b'0' + u8::try_from(number / place % 10).unwrap_or_default();
        self.bytes
            .extend_from_slice(&[b'.', digit(100), digit(10), digit(1)]);
    }

    /// To the microsecond.
    fn milliseconds(&mut self, duration: Duration) {
        let micros = duration.as_nanos().saturating_add(500) / 1000;
        self.number(u64::try_from(micros / 1000).unwrap_or(u64::MAX));
        self.thousandths(u32::try_from(micros % 1000).unwrap_or_default());
    }

    fn number(&mut self, number: u64) {
        self.bytes
            .extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    /// Text of ours that needs no escapes.
    fn plain(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Text of others, as a string of JSON.
    fn string(&mut self, value: &str) {
        // JSON's escaping keeps a hostile path on its own line. All bytes are looked at, which goes many at a time.
        let odd = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
        if !value.bytes().fold(false, |found, byte| found | odd(byte)) {
            self.plain("\"");
            self.plain(value);
            self.plain("\"");
        } else {
            // Strings always serialise, and writing into memory cannot fail.
            let _written = serde_json::to_writer(&mut self.bytes, value);
        }
    }
}

/// Each piece ends what is before it and begins what is behind it: every request has a line, and each piece costs it as much as a field.
fn json(line: &mut Line, now: SystemTime, level: tracing::Level, entry: &Entry<'_>) {
    let text = entry.request_id.text();
    let request_id: &str = &text;
    line.plain("{\"timestamp\":\"");
    line.timestamp(now);
    line.plain(match level {
        tracing::Level::ERROR => "\",\"level\":\"ERROR\",\"message\":\"request ",
        tracing::Level::WARN => "\",\"level\":\"WARN\",\"message\":\"request ",
        _ => "\",\"level\":\"INFO\",\"message\":\"request ",
    });
    line.plain(request_id);
    line.plain(" answered\",\"request.id\":\"");
    line.plain(request_id);
    if let Some(trace_id) = &entry.trace_id {
        line.plain("\",\"trace.id\":\"");
        line.plain(trace_id);
    }
    line.plain("\",\"http.request.method\":\"");
    // An HTTP token.
    line.plain(entry.method);
    line.plain("\",\"url.path\":");
    line.string(entry.path);
    line.plain(",\"http.route\":\"");
    line.plain(entry.route);
    if let Some(dialect) = entry.dialect {
        line.plain("\",\"dialect\":\"");
        line.plain(dialect);
    }
    line.plain("\",\"http.response.status_code\":");
    line.number(entry.status.into());
    line.plain(",\"duration_ms\":");
    line.milliseconds(entry.duration);
    if let Some(session_id) = entry.session_id {
        line.plain(",\"session.id\":\"");
        line.plain(session_id);
        line.plain("\"");
    }
    if let Some(user_id) = entry.user_id {
        line.plain(",\"rocketchat.user_id\":");
        line.string(user_id);
    }
    if let Some((kind, chain)) = &entry.error {
        line.plain(",\"error.kind\":\"");
        line.plain(kind);
        line.plain("\",\"error\":");
        line.string(chain);
    }
    line.plain("}");
}

/// One short line for people: what was asked and answered first, then who it was, then what went wrong.
fn text(line: &mut Line, now: SystemTime, level: tracing::Level, entry: &Entry<'_>) {
    line.timestamp(now);
    // Writing into memory cannot fail.
    let _written = write!(
        line.bytes,
        " {level:>5} {} {} {} {:.1}ms {}",
        entry.status,
        entry.method,
        Plain(entry.path),
        entry.duration.as_secs_f64() * 1000.0,
        entry.route,
    );
    if let Some(dialect) = entry.dialect {
        let _written = write!(line.bytes, " {dialect}");
    }
    let ids = [
        ("session", entry.session_id),
        ("trace", entry.trace_id.as_deref()),
    ];
    for (name, id) in ids {
        if let Some(id) = id {
            let _written = write!(line.bytes, " {name}={id}");
        }
    }
    if let Some((kind, chain)) = &entry.error {
        let _written = write!(
            line.bytes,
            " request={} {kind}: {}",
            entry.request_id,
            Plain(chain)
        );
    }
}

/// Text that cannot end the line or speak to the terminal.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            // Format characters too: some turn the direction of what follows.
            if letter.is_control()
                || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            {
                write!(formatter, "{}", letter.escape_default())?;
            } else {
                formatter.write_char(letter)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
