//! What the lookalike received, for tests to look at.
//!
//! Bodies are noted while they pass and never held back: a request is recorded when its head arrives,
//! and its body grows to at most [`BODY_KEPT`].

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::http::header::UPGRADE;
use axum::http::request::Parts;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::sync::watch;

/// Enough of a body for any assertion without keeping uploads.
const BODY_KEPT: usize = 64 * 1024;
/// Enough requests for any test without growing for ever; the oldest go first, their count stays.
const REQUESTS_KEPT: usize = 20_000;

/// The same for texts on sockets.
const TEXTS_KEPT: usize = 20_000;

/// One request as received.
#[derive(Clone, Debug)]
pub struct Received {
    /// The method.
    pub method: String,
    /// The path as sent, undecoded.
    pub path: String,
    /// The query as sent, without the question mark.
    pub query: Option<String>,
    /// Every header line, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The first 64 KiB of the body, as far as it had come.
    pub body: Bytes,
    /// Whether it asked for an upgrade.
    pub upgrade: bool,
}

impl Received {
    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Every value of a header.
    #[must_use]
    pub fn header_values(&self, name: &str) -> Vec<&str> {
        let lines = self.headers.iter().filter(|(known, _)| known == name);
        lines.map(|(_, value)| value.as_str()).collect()
    }
}

struct Entry {
    received: Received,
    body: Arc<Mutex<BytesMut>>,
}

#[derive(Default)]
struct Book {
    entries: VecDeque<Entry>,
    counts: HashMap<(String, String), usize>,
    /// Which socket said what.
    texts: VecDeque<(usize, String)>,
}

/// Keeps the requests.
pub(crate) struct Recorder {
    on: AtomicBool,
    book: Mutex<Book>,
    arrivals: watch::Sender<u64>,
    sockets: AtomicUsize,
}

impl Default for Recorder {
    fn default() -> Self {
        let arrivals = watch::Sender::new(0);
        Self {
            on: AtomicBool::new(true),
            book: Mutex::default(),
            arrivals,
            sockets: AtomicUsize::new(0),
        }
    }
}

impl Recorder {
    /// Notes a request and gives its body back, to be noted as it passes.
    pub(crate) fn receive(&self, parts: &Parts, body: Body) -> Body {
        if !self.on.load(Ordering::Relaxed) {
            return body;
        }
        let noted = Arc::new(Mutex::new(BytesMut::new()));
        let received = Received {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().map(str::to_owned),
            headers: parts
                .headers
                .iter()
                .map(|(name, value)| {
                    let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                    (name.as_str().to_owned(), value)
                })
                .collect(),
            body: Bytes::new(),
            upgrade: parts.headers.contains_key(UPGRADE),
        };
        {
            let mut book = self.book();
            let key = (received.method.clone(), received.path.clone());
            *book.counts.entry(key).or_default() += 1;
            if book.entries.len() == REQUESTS_KEPT {
                book.entries.pop_front();
            }
            book.entries.push_back(Entry {
                received,
                body: Arc::clone(&noted),
            });
        }
        self.arrivals.send_modify(|seen| *seen += 1);
        Body::new(body.map_frame(move |frame| {
            if let Some(data) = frame.data_ref() {
                let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
                let room = BODY_KEPT.saturating_sub(noted.len()).min(data.len());
                noted.extend_from_slice(&data[..room]);
            }
            frame
        }))
    }

    /// A number for a socket that opens.
    pub(crate) fn next_socket(&self) -> usize {
        self.sockets.fetch_add(1, Ordering::Relaxed)
    }

    /// Notes a DDP text that came on a socket, as it stood there.
    pub(crate) fn hear(&self, socket: usize, text: &str) {
        if !self.on.load(Ordering::Relaxed) {
            return;
        }
        let mut kept = text.len().min(BODY_KEPT);
        while !text.is_char_boundary(kept) {
            kept -= 1;
        }
        let mut book = self.book();
        if book.texts.len() == TEXTS_KEPT {
            book.texts.pop_front();
        }
        book.texts.push_back((socket, text[..kept].to_owned()));
    }

    /// What every socket that said something said, in the order in which they opened.
    pub(crate) fn texts(&self) -> Vec<Vec<String>> {
        let mut sockets: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for (socket, text) in &self.book().texts {
            sockets.entry(*socket).or_default().push(text.clone());
        }
        sockets.into_values().collect()
    }

    pub(crate) fn set_on(&self, on: bool) {
        self.on.store(on, Ordering::Relaxed);
    }

    pub(crate) fn forget(&self) {
        *self.book() = Book::default();
    }

    pub(crate) fn requests(&self) -> Vec<Received> {
        let book = self.book();
        let entries = book.entries.iter().map(|entry| {
            let mut received = entry.received.clone();
            let noted = entry.body.lock().unwrap_or_else(PoisonError::into_inner);
            received.body = Bytes::copy_from_slice(&noted);
            received
        });
        entries.collect()
    }

    /// How many came with this method and path.
    pub(crate) fn calls(&self, method: &str, path: &str) -> usize {
        let key = (method.to_owned(), path.to_owned());
        self.book().counts.get(&key).copied().unwrap_or(0)
    }

    /// Waits until at least so many have come.
    pub(crate) async fn until_called(&self, method: &str, path: &str, at_least: usize) {
        let mut arrivals = self.arrivals.subscribe();
        while self.calls(method, path) < at_least {
            // The sender lives in self, so the wait cannot end by its loss.
            let _ = arrivals.changed().await;
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
