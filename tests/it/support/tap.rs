//! A wire between Gantry and Rocket.Chat that keeps what Gantry sent, byte for byte.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A running wire; it ends with the test.
#[derive(Clone)]
pub(crate) struct Tap {
    address: SocketAddr,
    connections: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Tap {
    /// Listens, and passes everything on to `upstream`.
    pub(crate) async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tap = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
        };
        let connections = Arc::clone(&tap.connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(stream, upstream, Arc::clone(&connections)));
            }
        });
        tap
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where Gantry is to go.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What each connection carried upstream so far.
    pub(crate) fn sent(&self) -> Vec<String> {
        let connections = self.connections.lock().unwrap();
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        connections.iter().map(text).collect()
    }

    /// What the connections carried upstream that mention this.
    pub(crate) fn sent_with(&self, mention: &str) -> String {
        let sent = self.sent().into_iter();
        sent.filter(|text| text.contains(mention)).collect()
    }
}

async fn pass(stream: TcpStream, upstream: SocketAddr, kept: Arc<Mutex<Vec<Vec<u8>>>>) {
    let index = {
        let mut kept = kept.lock().unwrap();
        kept.push(Vec::new());
        kept.len() - 1
    };
    let server = TcpStream::connect(upstream).await.unwrap();
    let (mut from_client, mut to_client) = stream.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async move {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
            kept.lock().unwrap()[index].extend_from_slice(&buffer[..read]);
            if to_server.write_all(&buffer[..read]).await.is_err() {
                break;
            }
        }
    };
    let down = async move {
        let _over = tokio::io::copy(&mut from_server, &mut to_client).await;
        let _closed = to_client.shutdown().await;
    };
    tokio::join!(up, down);
}
