//! A client that sends exactly the bytes it is given: for requests that no well-behaved client makes.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// How long anything is waited for; far above what anything here needs.
const PATIENCE: Duration = Duration::from_secs(30);

/// What answers of HTTP/1 begin with.
const HTTP1: &[u8] = b"HTTP/1.";

/// One connection.
pub(crate) struct Raw {
    stream: TcpStream,
    read: Vec<u8>,
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The first value of a field.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// The end of the problem's type; empty when the answer is no problem document.
    pub(crate) fn slug(&self) -> String {
        if self.header("content-type") != Some("application/problem+json") {
            return String::new();
        }
        let problem: Value = serde_json::from_slice(&self.body).unwrap();
        let kind = problem["type"].as_str().unwrap();
        kind.rsplit('/').next().unwrap().to_owned()
    }
}

impl Raw {
    /// Connects.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            read: Vec::new(),
        }
    }

    /// Connects from this address.
    pub(crate) async fn connect_from(local: IpAddr, address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((local, 0).into()).unwrap();
        Self {
            stream: socket.connect(address).await.unwrap(),
            read: Vec::new(),
        }
    }

    /// Takes a connection over that was made, and perhaps used, without the runtime.
    pub(crate) fn of(stream: std::net::TcpStream) -> Self {
        stream.set_nonblocking(true).unwrap();
        Self {
            stream: TcpStream::from_std(stream).unwrap(),
            read: Vec::new(),
        }
    }

    /// Sends bytes; false when the far end no longer takes them, which also shows in what it answers.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let sent = timeout(PATIENCE, self.stream.write_all(bytes.as_ref())).await;
        sent.expect("the far end takes bytes or closes").is_ok()
    }

    /// Says that nothing more will be sent.
    pub(crate) async fn finish(&mut self) {
        let _closed = self.stream.shutdown().await;
    }

    /// Has the far end closed by now, or does it within this time?
    pub(crate) async fn closes_within(&mut self, time: Duration) -> bool {
        matches!(timeout(time, self.more()).await, Ok(false))
    }

    /// The next answer whole, or `None` when the connection closed before its head had come.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        let end = loop {
            if let Some(at) = find(&self.read, b"\r\n\r\n") {
                break at + 4;
            }
            if !self.more().await {
                return None;
            }
        };
        let head = String::from_utf8_lossy(&self.read[..end]).into_owned();
        self.read.drain(..end);
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let status = status.parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut answer = Answer {
            status,
            headers,
            body: Vec::new(),
        };
        if status >= 200 && !matches!(status, 204 | 304) {
            answer.body = self.body(&answer).await;
        }
        Some(answer)
    }

    /// The next answer, unless what comes is no HTTP/1.1, or nothing whole.
    pub(crate) async fn next_http1(&mut self) -> Option<Answer> {
        while self.read.len() < HTTP1.len() {
            if !self.more().await {
                return None;
            }
        }
        if !self.read.starts_with(HTTP1) {
            return None;
        }
        self.answer().await
    }

    /// Everything until the far end closes.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.read)
    }

    /// At least so many bytes, as far as they come.
    pub(crate) async fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() < count {
            if !self.more().await {
                break;
            }
        }
        let count = count.min(self.read.len());
        self.read.drain(..count).collect()
    }

    async fn body(&mut self, answer: &Answer) -> Vec<u8> {
        if let Some(length) = answer.header("content-length") {
            return self.bytes(length.parse().unwrap()).await;
        }
        if answer.header("transfer-encoding").is_none() {
            return self.rest().await;
        }
        let mut body = Vec::new();
        loop {
            let end = loop {
                match find(&self.read, b"\r\n") {
                    Some(at) => break at + 2,
                    None => assert!(self.more().await, "the answer breaks off"),
                }
            };
            let line: Vec<u8> = self.read.drain(..end).collect();
            let size = String::from_utf8_lossy(&line[..end - 2]).into_owned();
            let size = usize::from_str_radix(&size, 16).unwrap();
            let chunk = self.bytes(size + 2).await;
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                return body;
            }
        }
    }

    /// Reads something; false when there is nothing more to come.
    async fn more(&mut self) -> bool {
        let reading = self.stream.read_buf(&mut self.read);
        let read = timeout(PATIENCE, reading).await;
        // A reset is an end too.
        read.expect("the far end answers or closes").unwrap_or(0) > 0
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|part| part == wanted)
}
