//! The yardstick of sockets: bytes from one side to the other, whatever they mean.
//!
//! As lean as can be: each worker thread lends one buffer for the length of a read, so a pair holds nothing at rest.

use std::cell::RefCell;
use std::io::{self, ErrorKind};

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// As Gantry reads at a time.
const CHUNK: usize = 16 * 1024;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; CHUNK]);
}

/// Relays until a side closes.
pub(crate) async fn relay(downstream: OnUpgrade, upstream: OnUpgrade) {
    let Ok((downstream, upstream)) = tokio::try_join!(downstream, upstream) else {
        return;
    };
    let (Ok(client), Ok(server)) = (
        auto::upgrade::downcast::<TokioIo<TcpStream>>(downstream),
        upstream.downcast::<TokioIo<TcpStream>>(),
    ) else {
        return;
    };
    let (heard, said) = (client.read_buf, server.read_buf);
    let (mut client, mut server) = (client.io.into_inner(), server.io.into_inner());
    if server.write_all(&heard).await.is_err() || client.write_all(&said).await.is_err() {
        return;
    }
    drop((heard, said));
    loop {
        let passed = tokio::select! {
            biased;
            _ready = client.readable() => pass(&client, &mut server).await,
            _ready = server.readable() => pass(&server, &mut client).await,
        };
        if !matches!(passed, Ok(true)) {
            return;
        }
    }
}

/// Passes on what one read gives; false when the side has closed.
async fn pass(from: &TcpStream, to: &mut TcpStream) -> io::Result<bool> {
    let left = BUFFER.with_borrow_mut(|buffer| {
        let read = match from.try_read(buffer) {
            Ok(0) => return Ok(None),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Some(Vec::new())),
            Err(error) => return Err(error),
        };
        let written = match to.try_write(&buffer[..read]) {
            Ok(written) => written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        Ok(Some(buffer[written..read].to_vec()))
    })?;
    let Some(left) = left else { return Ok(false) };
    // What a slow receiver does not take at once.
    if !left.is_empty() {
        to.write_all(&left).await?;
    }
    Ok(true)
}
