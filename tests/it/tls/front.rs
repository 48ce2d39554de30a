//! Ends TLS before the lookalike, as an ingress of Rocket.Chat's does, and keeps what handshakes showed.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ServerConfig, ServerConnection};

use crate::tls::stage::{Authority, Pair, serial_of};

/// A running front; it ends with the test.
pub(crate) struct Front {
    address: SocketAddr,
    config: Arc<Mutex<Arc<ServerConfig>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// What a handshake showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The name that was asked for.
    pub(crate) name: Option<String>,
    /// The serial number of the certificate that was shown.
    pub(crate) serial: Option<u64>,
    /// What was agreed on.
    pub(crate) protocol: Option<String>,
}

impl Front {
    /// Shows this certificate, and wants one of this authority, if any.
    pub(crate) async fn before(
        behind: SocketAddr,
        shown: &Pair,
        wanted: Option<&Authority>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let front = Self {
            address: listener.local_addr().unwrap(),
            config: Arc::new(Mutex::new(config(shown, wanted))),
            seen: Arc::default(),
        };
        let (config, seen) = (Arc::clone(&front.config), Arc::clone(&front.seen));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let config = Arc::clone(&config.lock().unwrap());
                tokio::spawn(pass(stream, config, behind, Arc::clone(&seen)));
            }
        });
        front
    }

    /// Shows another certificate from now on.
    pub(crate) fn show(&self, shown: &Pair, wanted: Option<&Authority>) {
        *self.config.lock().unwrap() = config(shown, wanted);
    }

    /// What Gantry takes for Rocket.Chat, at this host.
    pub(crate) fn url(&self, host: &str) -> url::Url {
        format!("https://{host}:{}", self.address.port())
            .parse()
            .unwrap()
    }

    /// The handshakes so far that ended well.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn pass(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    behind: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
) {
    let Ok(mut stream) = TlsAcceptor::from(config).accept(stream).await else {
        return;
    };
    seen.lock().unwrap().push(what(stream.get_ref().1));
    let mut onward = TcpStream::connect(behind).await.unwrap();
    let _over = tokio::io::copy_bidirectional(&mut stream, &mut onward).await;
}

fn what(connection: &ServerConnection) -> Seen {
    let shown = connection.peer_certificates();
    let protocol = connection.alpn_protocol();
    Seen {
        name: connection.server_name().map(ToOwned::to_owned),
        serial: shown.map(|shown| serial_of(&shown[0])),
        protocol: protocol.map(|name| String::from_utf8(name.to_vec()).unwrap()),
    }
}

fn config(shown: &Pair, wanted: Option<&Authority>) -> Arc<ServerConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match wanted {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let roots = Arc::new(authority.roots());
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let chain = CertificateDer::pem_slice_iter(shown.certificate.as_bytes());
    let chain = chain.collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).unwrap();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    // As most ingresses: whoever asks for HTTP/2 gets it.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}
