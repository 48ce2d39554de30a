//! TLS towards Rocket.Chat: which authorities are believed, for which name its certificate must hold, and what we show.
//!
//! Verification cannot be switched off. What is resumed was verified under the same files: changed ones begin with nothing to resume.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use tokio::net::TcpStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::sign::SingleCertAndKey;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_rustls::{TlsConnector, TlsStream};

use crate::tls::{Fault, Part, TlsError, authorities, fault, identity};
use crate::transport::Transport;

/// Rocket.Chat speaks nothing else, and sockets need it.
const PROTOCOL: &[u8] = b"http/1.1";

/// In the place of a file's name.
const SYSTEM: &str = "the system's certificates";

/// Where everything lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// Authorities that are believed, and no others; `None` for the system's.
    pub ca: Option<PathBuf>,
    /// What we show: the certificate, after it its chain, and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// What is asked for in the handshake (SNI), and what the certificate must hold for.
    pub name: ServerName<'static>,
}

/// What new connections are made with.
#[derive(Clone, Debug)]
pub struct Shown {
    /// For new handshakes.
    pub config: Arc<ClientConfig>,
    /// When the certificate that we show expires.
    pub expires: Option<SystemTime>,
}

/// TLS towards Rocket.Chat; cheap to clone, and all clones follow [`Towards::replace`].
#[derive(Clone, Debug)]
pub struct Towards(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: ServerName<'static>,
    config: ArcSwap<ClientConfig>,
}

impl Files {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn load(&self, now: SystemTime) -> Result<Shown, Fault> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let (file, roots) = match self.ca.as_deref() {
            Some(file) => (file, authorities(file, now)),
            None => (Path::new(SYSTEM), of_the_system()),
        };
        let roots = roots.map_err(fault(Part::Ca, file))?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            // The provider has suites of both versions.
            .map_err(|_| fault(Part::Ca, file)(TlsError::NoAuthorities))?
            .with_root_certificates(roots);
        let (mut config, expires) = match &self.identity {
            None => (builder.with_no_client_auth(), None),
            Some((certificate, key)) => {
                let (pair, expires) = identity((certificate, key), &provider, now)?;
                let pair = Arc::new(SingleCertAndKey::from(pair));
                (builder.with_client_cert_resolver(pair), Some(expires))
            }
        };
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(Shown {
            config: Arc::new(config),
            expires,
        })
    }

    /// All files.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let identity = self.identity.iter();
        let identity = identity.flat_map(|(certificate, key)| [&**certificate, &**key]);
        self.ca.as_deref().into_iter().chain(identity)
    }

    /// The name, where it is not the one in the URL.
    #[must_use]
    pub fn other_name(&self, url: &url::Url) -> Option<&str> {
        match &self.name {
            ServerName::DnsName(name) => Some(name.as_ref()),
            _ => None,
        }
        .filter(|name| {
            !url.host_str()
                .is_some_and(|host| host.eq_ignore_ascii_case(name))
        })
    }
}

impl Towards {
    /// Asks for this name.
    #[must_use]
    pub fn new(name: ServerName<'static>, config: Arc<ClientConfig>) -> Self {
        Self(Arc::new(Inner {
            name,
            config: ArcSwap::new(config),
        }))
    }

    /// New connections are made with this; open ones live on.
    pub fn replace(&self, config: Arc<ClientConfig>) {
        self.0.config.store(config);
    }

    /// Shakes hands over a connection.
    ///
    /// # Errors
    /// When the other side does not speak TLS, shows no certificate that is believed for the name, or wants another one of us.
    pub async fn connect(&self, stream: TcpStream) -> io::Result<Transport> {
        let connector = TlsConnector::from(self.0.config.load_full());
        let stream = connector.connect(self.0.name.clone(), stream).await?;
        Ok(Transport::Tls(Box::new(TlsStream::Client(stream))))
    }
}

/// The authorities that the system believes. What cannot be read of them is left out, as everywhere on the system.
fn of_the_system() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(TlsError::NoAuthorities);
    }
    Ok(roots)
}
