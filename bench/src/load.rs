//! Load over loopback: requests as bytes made beforehand, sent over kept connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// A request with this token.
pub(crate) fn request(token: &str) -> Vec<u8> {
    format!(
        "GET /api/v1/channels.history?roomId=GENERAL&count=50 HTTP/1.1\r\nhost: chat.example.com\r\n\
         accept: application/json\r\naccept-encoding: gzip, deflate, br\r\naccept-language: en\r\n\
         user-agent: Mozilla/5.0 (X11; Linux x86_64) bench\r\nreferer: https://chat.example.com/home\r\n\
         authorization: Bearer {token}\r\n\r\n"
    )
    .into_bytes()
}

/// One kept connection.
pub(crate) struct Connection<S = TcpStream> {
    stream: S,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self::over(stream))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Over a stream that is open.
    pub(crate) fn over(stream: S) -> Self {
        Self {
            stream,
            buffer: vec![0; 4096],
        }
    }

    /// Sends a request and reads its whole answer, which must be a 200.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            ensure!(read > 0, "the connection closed in the middle of an answer");
            filled += read;
            let answer = &self.buffer[..filled];
            let Some(head) = answer.windows(4).position(|end| end == b"\r\n\r\n") else {
                continue;
            };
            ensure!(
                answer.starts_with(b"HTTP/1.1 200"),
                "answer: {}",
                String::from_utf8_lossy(answer)
            );
            if filled >= head + 4 + content_length(&answer[..head])? {
                return Ok(());
            }
        }
    }
}

fn content_length(head: &[u8]) -> anyhow::Result<usize> {
    let head = std::str::from_utf8(head)?.to_ascii_lowercase();
    let at = head.find("content-length: ").context("no length")? + "content-length: ".len();
    let digits = head[at..].split('\r').next().unwrap_or_default();
    Ok(digits.parse()?)
}

/// Asks as fast as answers come, over `connections` connections, until all `requests` were sent once or, when `time` is given, over
/// and over until it is over. Returns how many were answered.
pub(crate) async fn closed(
    address: SocketAddr,
    connections: usize,
    requests: Arc<Vec<Vec<u8>>>,
    time: Option<Duration>,
) -> anyhow::Result<usize> {
    let next = Arc::new(AtomicUsize::new(0));
    let end = time.map(|time| Instant::now() + time);
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let (requests, next) = (Arc::clone(&requests), Arc::clone(&next));
        let mut connection = Connection::open(address).await?;
        tasks.spawn(async move {
            let mut answered = 0;
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let over = match end {
                    Some(end) => Instant::now() >= end,
                    None => index >= requests.len(),
                };
                if over {
                    return anyhow::Ok(answered);
                }
                connection.ask(&requests[index % requests.len()]).await?;
                answered += 1;
            }
        });
    }
    let mut answered = 0;
    while let Some(task) = tasks.join_next().await {
        answered += task??;
    }
    Ok(answered)
}

/// Asks at a fixed rate, however slow the answers; returns the sorted latencies, each from its due time.
pub(crate) async fn paced(
    address: SocketAddr,
    connections: usize,
    requests: Arc<Vec<Vec<u8>>>,
    (rate, time): (u32, Duration),
) -> anyhow::Result<Vec<Duration>> {
    let begin = Instant::now() + Duration::from_millis(20);
    let total = usize::try_from(rate)? * usize::try_from(time.as_secs())?;
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let (requests, next) = (Arc::clone(&requests), Arc::clone(&next));
        let mut connection = Connection::open(address).await?;
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= total {
                    return anyhow::Ok(latencies);
                }
                let due = begin + Duration::from_secs(1) * u32::try_from(index)? / rate;
                // Late because this connection was busy: the wait counts. Late because timers are coarse: it does not.
                let busy = Instant::now() > due;
                sleep_until(due).await;
                let began = if busy { due } else { Instant::now() };
                connection.ask(&requests[index % requests.len()]).await?;
                latencies.push(began.elapsed());
            }
        });
    }
    let mut latencies = Vec::with_capacity(total);
    while let Some(task) = tasks.join_next().await {
        latencies.extend(task??);
    }
    latencies.sort_unstable();
    Ok(latencies)
}
