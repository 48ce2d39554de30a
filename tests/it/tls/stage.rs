//! An authority that issues certificates into files, and clients that know it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gantry::config::Config;
use gantry::tls::{ClientCa, Files};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SerialNumber};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore, SupportedProtocolVersion};

use crate::support::gateway::Gateway;
use crate::support::http::Pieces;
use crate::support::world::World;

pub(crate) const NAME: &str = "chat.example.com";

pub(crate) const BOTH: &[&SupportedProtocolVersion] = rustls::ALL_VERSIONS;

/// A year that is over, and one that is not near.
pub(crate) const OVER: i32 = 2020;
pub(crate) const FAR: i32 = 2090;

/// Who issues certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate with its key, as PEM.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::until(FAR)
    }

    /// One whose own certificate ends with this year's beginning.
    pub(crate) fn until(year: i32) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    /// A certificate for [`NAME`] with this serial number.
    pub(crate) fn issue(&self, serial: u64, until: i32) -> Pair {
        self.issue_for(NAME, serial, until)
    }

    /// A certificate for another name.
    pub(crate) fn issue_for(&self, name: &str, serial: u64, until: i32) -> Pair {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.serial_number = Some(SerialNumber::from(serial));
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        Pair {
            certificate: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap();
        roots.add(certificate).unwrap();
        roots
    }
}

/// The files of a Gantry.
pub(crate) struct Papers {
    pub(crate) directory: TempDir,
    pub(crate) authority: Authority,
}

impl Papers {
    /// A certificate with serial number 1.
    pub(crate) fn new() -> Self {
        let papers = Self {
            directory: TempDir::new().unwrap(),
            authority: Authority::new(),
        };
        papers.put(&papers.authority.issue(1, FAR));
        papers
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Puts other files in the place of those that are there.
    pub(crate) fn put(&self, pair: &Pair) {
        self.write("tls.crt", &pair.certificate);
        self.write("tls.key", &pair.key);
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let beside = self.path(&format!("{name}.new"));
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, self.path(name)).unwrap();
    }

    pub(crate) fn files(&self) -> Files {
        files_in(self.directory.path())
    }

    /// A Gantry that serves with them.
    pub(crate) async fn gateway(&self) -> Gateway {
        self.configured(self.files(), |_| {}).await
    }

    /// A Gantry that wants certificates of this authority.
    pub(crate) async fn guarded(&self, authority: &Authority, optional: bool) -> Gateway {
        self.write("clients.crt", &authority.pem);
        let client_ca = Some(ClientCa {
            file: self.path("clients.crt"),
            optional,
        });
        let files = Files {
            client_ca,
            ..self.files()
        };
        self.configured(files, |_| {}).await
    }

    pub(crate) async fn configured(&self, files: Files, change: fn(&mut Config)) -> Gateway {
        let world = World::plain().await;
        let gateway = world
            .gantry(|config, _| {
                config.listen.tls = Some(files);
                change(config);
            })
            .await;
        gateway.until_ready().await;
        gateway
    }

    /// A client that believes the authority, and shows this.
    pub(crate) fn client(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        shown: Option<&Pair>,
    ) -> ClientConfig {
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(self.authority.roots());
        match shown {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let chain = CertificateDer::pem_slice_iter(pair.certificate.as_bytes());
                let chain = chain.collect::<Result<_, _>>().unwrap();
                let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        }
    }

    /// A connection that asks for this protocol.
    pub(crate) async fn connect(&self, gateway: &Gateway, protocol: &str) -> TlsStream<TcpStream> {
        let mut client = self.client(BOTH, None);
        client.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        shake_hands(gateway, client).await.unwrap()
    }

    /// The serial number that a new handshake is shown.
    pub(crate) async fn serial(&self, gateway: &Gateway) -> u64 {
        serial(&self.connect(gateway, "http/1.1").await)
    }

    /// Waits until new handshakes are shown this serial number.
    pub(crate) async fn until_serial(&self, gateway: &Gateway, wanted: u64) {
        let shown = async {
            while self.serial(gateway).await != wanted {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let patience = std::time::Duration::from_secs(60);
        let in_time = tokio::time::timeout(patience, shown).await;
        in_time.expect("the new certificate is shown");
    }
}

/// Certificate and key below a directory.
pub(crate) fn files_in(directory: &Path) -> Files {
    Files {
        certificate: directory.join("tls.crt"),
        key: directory.join("tls.key"),
        client_ca: None,
    }
}

pub(crate) async fn shake_hands(
    gateway: &Gateway,
    client: ClientConfig,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(gateway.address()).await.unwrap();
    TlsConnector::from(Arc::new(client))
        .connect(ServerName::try_from(NAME).unwrap(), stream)
        .await
}

pub(crate) fn serial(stream: &TlsStream<TcpStream>) -> u64 {
    serial_of(&stream.get_ref().1.peer_certificates().unwrap()[0])
}

pub(crate) fn serial_of(shown: &CertificateDer<'_>) -> u64 {
    let (_, parsed) = x509_parser::parse_x509_certificate(shown).unwrap();
    u64::try_from(&parsed.tbs_certificate.serial).unwrap()
}

/// Speaks HTTP/1.1 over it.
pub(crate) async fn http1(stream: TlsStream<TcpStream>) -> http1::SendRequest<Pieces> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// Speaks HTTP/2 over it.
pub(crate) async fn http2(stream: TlsStream<TcpStream>) -> http2::SendRequest<Pieces> {
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}
