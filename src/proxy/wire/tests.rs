//! What is owed to a client under TLS: also what TLS took and the network did not.

use std::io::ErrorKind;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::*;

/// Far more than sockets hold on any machine.
const MOST: usize = 64 * 1024 * 1024;

async fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap());
    let (near, far) = tokio::join!(near, listener.accept());
    (near.unwrap(), far.unwrap().0)
}

/// A client's two ends under TLS, ours first.
async fn tls() -> (Transport, client::TlsStream<TcpStream>) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let (near, far) = tcp().await;
    let name = ServerName::try_from("localhost").unwrap();
    let (ours, theirs) = tokio::join!(
        TlsAcceptor::from(Arc::new(server)).accept(near),
        TlsConnector::from(Arc::new(client)).connect(name, far)
    );
    let ours = Box::new(TlsStream::Server(ours.unwrap()));
    (Transport::Tls(ours), theirs.unwrap())
}

#[tokio::test]
async fn what_tls_took_and_the_network_did_not_is_owed_until_it_has_gone() {
    let (ours, mut theirs) = tls().await;
    let side = Side {
        stream: ours,
        early: bytes::Bytes::new(),
        stay: None,
    };
    let (server, _far) = tcp().await;
    let mut wire = Wire::new(side, Transport::Plain(server));
    let piece = [b'x'; 1024];
    let mut said = 0;
    while !wire.owes_client() {
        let put = wire.with_pipes(|pipes| {
            pipes.down(&piece);
            Ok(())
        });
        put.unwrap();
        said += piece.len();
        assert!(said < MOST, "a client that does not read takes everything");
    }
    // TLS has taken it all. Without word of it nobody would ever send the rest.
    assert!(wire.down.is_empty());

    let reading = async {
        let mut heard = vec![0; said];
        theirs.read_exact(&mut heard).await.unwrap();
        heard
    };
    let sending = async {
        while wire.owes_client() {
            let fed = poll_fn(|context| wire.poll_feed_client(context)).await;
            fed.unwrap();
        }
    };
    let both = async { tokio::join!(reading, sending) };
    let (heard, ()) = timeout(Duration::from_secs(60), both).await.unwrap();
    assert!(heard.iter().all(|byte| *byte == b'x'));
    let mut more = [0];
    let nothing = theirs.get_ref().0.try_read(&mut more);
    assert_eq!(nothing.unwrap_err().kind(), ErrorKind::WouldBlock);
}
