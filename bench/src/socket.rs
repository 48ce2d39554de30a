//! A client's socket that speaks DDP, in either framing.

use std::net::SocketAddr;

use anyhow::ensure;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::frames::{self, Frame};

/// How texts stand in frames, and on what path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// One text is one frame.
    Raw,
    /// Arrays of texts.
    SockJs,
}

/// An open socket.
pub(crate) struct Socket {
    stream: TcpStream,
    framing: Framing,
    /// What was read and not yet taken.
    held: Vec<u8>,
}

impl Socket {
    /// Opens a socket, with a token on the upgrade or without.
    pub(crate) async fn open(
        address: SocketAddr,
        framing: Framing,
        token: Option<&str>,
    ) -> anyhow::Result<Self> {
        let path = match framing {
            Framing::Raw => "/websocket",
            Framing::SockJs => "/sockjs/123/abcdefgh/websocket",
        };
        let authorization = token
            .map(|token| format!("authorization: Bearer {token}\r\n"))
            .unwrap_or_default();
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: chat.example.com\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{authorization}\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut held = Vec::new();
        let head = loop {
            read(&mut stream, &mut held).await?;
            if let Some(end) = held.windows(4).position(|end| end == b"\r\n\r\n") {
                break end + 4;
            }
        };
        ensure!(
            held.starts_with(b"HTTP/1.1 101"),
            "{}",
            String::from_utf8_lossy(&held)
        );
        held.drain(..head);
        let mut socket = Self {
            stream,
            framing,
            held,
        };
        if framing == Framing::SockJs {
            let greeting = socket.frame().await?;
            ensure!(greeting == "o", "greeted with {greeting}");
        }
        Ok(socket)
    }

    /// Logs in with a token as soon as the session is opened, and waits until that is done.
    pub(crate) async fn log_in(&mut self, token: &str) -> anyhow::Result<()> {
        let mut both = self.framed(r#"{"msg":"connect","version":"1","support":["1"]}"#);
        both.extend(self.framed(&format!(
            r#"{{"msg":"method","method":"login","id":"1","params":[{{"resume":"{token}"}}]}}"#
        )));
        self.stream.write_all(&both).await?;
        let (mut told, mut done) = (false, false);
        while !told || !done {
            let text = self.frame().await?;
            if text.contains("result") {
                ensure!(!text.contains("error"), "a login was refused: {text}");
                told = true;
            }
            done |= text.contains("updated");
        }
        Ok(())
    }

    /// The frame of a text.
    pub(crate) fn framed(&self, text: &str) -> Vec<u8> {
        let mut frame = Vec::new();
        match self.framing {
            Framing::Raw => frames::write_masked(&mut frame, text),
            Framing::SockJs => {
                let quoted = serde_json::Value::from(text);
                frames::write_masked(&mut frame, &format!("[{quoted}]"));
            }
        }
        frame
    }

    /// Sends a frame and reads the one that answers it.
    pub(crate) async fn ask(&mut self, frame: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(frame).await?;
        loop {
            if let Some(frame) = Frame::read(&self.held) {
                self.held.drain(..frame.text.end);
                return Ok(());
            }
            read(&mut self.stream, &mut self.held).await?;
        }
    }

    /// Sends a text and reads the one that answers it.
    pub(crate) async fn answer(&mut self, text: &str) -> anyhow::Result<String> {
        let frame = self.framed(text);
        self.stream.write_all(&frame).await?;
        self.frame().await
    }

    /// The text of the next frame.
    async fn frame(&mut self) -> anyhow::Result<String> {
        loop {
            if let Some(frame) = Frame::read(&self.held) {
                let text = frame.text(&self.held);
                self.held.drain(..frame.text.end);
                return Ok(text);
            }
            read(&mut self.stream, &mut self.held).await?;
        }
    }
}

async fn read(stream: &mut TcpStream, held: &mut Vec<u8>) -> anyhow::Result<()> {
    let read = stream.read_buf(held).await?;
    ensure!(
        read > 0,
        "the socket broke off behind {}",
        String::from_utf8_lossy(held)
    );
    Ok(())
}
