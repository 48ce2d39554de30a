//! A client that puts its WebSocket frames together byte by byte, well-formed or not.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::sockets::stage::CONNECT;
use crate::support::gateway::Gateway;

/// Far above what any answer here needs.
const PATIENCE: Duration = Duration::from_secs(30);

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub(super) const FIN: u8 = 0x80;
pub(super) const CONTINUATION: u8 = 0x0;
pub(super) const TEXT: u8 = 0x1;
pub(super) const BINARY: u8 = 0x2;
pub(super) const CLOSE: u8 = 0x8;
pub(super) const PING: u8 = 0x9;
pub(super) const PONG: u8 = 0xa;

/// A frame of the other side's: its first byte and what it holds.
pub(super) type Frame = (u8, Vec<u8>);

/// A connection whose handshake is done.
pub(super) struct Wire(TcpStream);

impl Wire {
    /// Opens `/websocket` with this bearer.
    pub(super) async fn open(gateway: &Gateway, token: &str) -> Self {
        Self::with(gateway, &format!("authorization: Bearer {token}\r\n")).await
    }

    /// Opens it with these header lines.
    pub(super) async fn with(gateway: &Gateway, lines: &str) -> Self {
        let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let head = format!(
            "GET /websocket HTTP/1.1\r\nhost: chat\r\n{lines}connection: Upgrade\r\n\
             upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        assert!(answer.starts_with(b"HTTP/1.1 101 "));
        Self(stream)
    }

    /// As [`Wire::open`]; `connect` is said.
    pub(super) async fn connected(gateway: &Gateway, token: &str) -> Self {
        let mut wire = Self::open(gateway, token).await;
        wire.write(&text(CONNECT)).await;
        wire.until("connected").await;
        wire
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Writes to who may have closed by now.
    pub(super) async fn try_write(&mut self, bytes: &[u8]) {
        let _closed = self.0.write_all(bytes).await;
    }

    /// The next frame; `None` when there is none any more.
    pub(super) async fn frame(&mut self) -> Option<Frame> {
        timeout(PATIENCE, self.read())
            .await
            .expect("a frame or the end")
    }

    async fn read(&mut self) -> Option<Frame> {
        let first = self.0.read_u8().await.ok()?;
        let length = match self.0.read_u8().await.ok()? {
            126 => u64::from(self.0.read_u16().await.ok()?),
            127 => self.0.read_u64().await.ok()?,
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut payload).await.ok()?;
        Some((first, payload))
    }

    /// The next text that holds this.
    pub(super) async fn until(&mut self, mention: &str) -> String {
        loop {
            let (first, payload) = self.frame().await.expect("something is said");
            let text = String::from_utf8_lossy(&payload).into_owned();
            if first == FIN | TEXT && text.contains(mention) {
                return text;
            }
        }
    }

    /// The code of the close frame that ends it; texts before it are passed over.
    pub(super) async fn close_code(&mut self) -> Option<u16> {
        loop {
            match self.frame().await? {
                (first, payload) if first == FIN | CLOSE => {
                    assert_eq!(self.frame().await, None, "nothing follows a close frame");
                    return Some(u16::from_be_bytes(payload[..2].try_into().unwrap()));
                }
                _ => {}
            }
        }
    }
}

/// A masked frame with its length in the shortest form.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = head(first, payload.len());
    let masked = payload.iter().zip(MASK.iter().cycle());
    out.extend(masked.map(|(byte, key)| byte ^ key));
    out
}

/// The head of such a frame.
pub(super) fn head(first: u8, length: usize) -> Vec<u8> {
    let mut out = vec![first];
    match length {
        0..126 => out.push(0x80 | length as u8),
        126..0x1_0000 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    out
}

/// A whole text message.
pub(super) fn text(message: &str) -> Vec<u8> {
    frame(FIN | TEXT, message.as_bytes())
}
