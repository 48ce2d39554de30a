//! Stands before the lookalike and hands requests below one path to the test as raw connections; all else goes through.

use std::net::SocketAddr;

use lookalike::Lookalike;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// A running switchboard.
pub(crate) struct Switchboard {
    address: SocketAddr,
    calls: mpsc::UnboundedReceiver<Call>,
}

/// A connection whose first request was for the test.
pub(crate) struct Call {
    /// The request's head, blank line included.
    pub(crate) head: String,
    /// What follows it.
    pub(crate) stream: TcpStream,
}

impl Switchboard {
    /// Takes what is asked for below `path`.
    pub(crate) async fn before(rc: &Lookalike, path: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (caller, calls) = mpsc::unbounded_channel();
        let behind = rc.address();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let caller = caller.clone();
                tokio::spawn(async move {
                    if let Some(call) = connect(stream, behind, path).await {
                        let _nobody_cares = caller.send(call);
                    }
                });
            }
        });
        Self { address, calls }
    }

    /// What Gantry takes for Rocket.Chat.
    pub(crate) fn url(&self) -> url::Url {
        format!("http://{}", self.address).parse().unwrap()
    }

    /// The next request for the test.
    pub(crate) async fn next(&mut self) -> Call {
        self.calls.recv().await.unwrap()
    }
}

impl Call {
    /// A header of the request.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Answers with these bytes.
    pub(crate) async fn answer(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Agrees to the upgrade.
    pub(crate) async fn agree(&mut self) {
        let key = self.header("sec-websocket-key").unwrap();
        let accepted = derive_accept_key(key.as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {accepted}\r\n\r\n"
        );
        self.answer(answer.as_bytes()).await;
    }
}

async fn connect(mut stream: TcpStream, behind: SocketAddr, path: &str) -> Option<Call> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let target = head.split(|byte| *byte == b' ').nth(1)?;
    if target.starts_with(path.as_bytes()) {
        let head = String::from_utf8(head).ok()?;
        return Some(Call { head, stream });
    }
    let mut onward = TcpStream::connect(behind).await.ok()?;
    onward.write_all(&head).await.ok()?;
    let _ended = tokio::io::copy_bidirectional(&mut stream, &mut onward).await;
    None
}
