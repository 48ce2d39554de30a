//! What a listener needs for TLS, from PEM files: certificate with its chain, key, and authorities of clients' certificates. What the
//! way to Rocket.Chat needs is in [`upstream`].
//!
//! They are read and checked together, so that nothing is served that a client would refuse. TLS 1.2 and 1.3, no early data (it could
//! be replayed), `h2` and `http/1.1`. A session that is resumed keeps what the client showed, so sessions live no longer than the
//! files they began under.

use std::error::Error;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};
use zeroize::Zeroizing;

pub mod disbelief;
pub mod upstream;

/// Most bytes of one file: hundreds of certificates.
const LARGEST: u64 = 1024 * 1024;

/// What clients may choose from, the better first (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Where everything lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificate, and after it its chain.
    pub certificate: PathBuf,
    /// The certificate's key.
    pub key: PathBuf,
    /// Who issues clients' certificates, where clients are asked for one.
    pub client_ca: Option<ClientCa>,
}

/// Which certificates clients show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCa {
    /// Authorities that are believed.
    pub file: PathBuf,
    /// May a client do without?
    pub optional: bool,
}

/// One of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// [`Files::certificate`].
    Certificate,
    /// [`Files::key`].
    Key,
    /// [`ClientCa::file`].
    ClientCa,
    /// [`upstream::Files::ca`], or the system's authorities in its place.
    Ca,
}

/// A fault, and the file that has it.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", file.display())]
pub struct Fault {
    /// Which file.
    pub part: Part,
    /// Where it lies.
    pub file: PathBuf,
    /// What is wrong with it, and the mend.
    #[source]
    pub error: TlsError,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// It is not there, or not for us.
    #[error("cannot read the file: {0}")]
    Unreadable(io::Error),
    /// Nothing of the kind is in it, or it was cut off.
    #[error("should hold {0} as PEM; is the file complete?")]
    Nothing(&'static str),
    /// It cannot be read as a certificate.
    #[error("holds a certificate that cannot be read")]
    Malformed,
    /// Too weak, or of a kind that TLS does not know.
    #[error(
        "holds a key that cannot be used; take RSA with at least 2048 bits, ECDSA on P-256, P-384 or P-521, or Ed25519"
    )]
    UnusableKey,
    /// Key and certificate are of different pairs.
    #[error("the key does not belong to the certificate; give the one that it was issued for")]
    Mismatch,
    /// Every client would refuse it.
    #[error("the certificate expired at {}; renew it", humantime::format_rfc3339_seconds(*.0))]
    Expired(SystemTime),
    /// The system brings no authorities.
    #[error("holds no authority that can be used; give `ca_file`, or a system that has some")]
    NoAuthorities,
    /// No authority in it can be used.
    #[error("holds no authority that can be used: {0}")]
    UnusableAuthority(VerifierBuilderError),
}

impl TlsError {
    /// A fixed word for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Nothing(_) => "incomplete",
            Self::Malformed => "malformed",
            Self::UnusableKey => "unusable_key",
            Self::Mismatch => "mismatch",
            Self::Expired(_) => "expired",
            Self::NoAuthorities | Self::UnusableAuthority(_) => "unusable_authority",
        }
    }
}

/// What a listener serves with.
#[derive(Clone, Debug)]
pub struct Served {
    /// For new handshakes.
    pub config: Arc<ServerConfig>,
    /// When the certificate expires.
    pub expires: SystemTime,
}

impl Files {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn load(&self, now: SystemTime) -> Result<Served, Fault> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let (pair, expires) = identity((&self.certificate, &self.key), &provider, now)?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            // The provider has suites of both versions.
            .map_err(|_| fault(Part::Key, &self.key)(TlsError::UnusableKey))?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(ca) => {
                let verifier = ca.verifier(provider, now);
                let verifier = verifier.map_err(fault(Part::ClientCa, &ca.file))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(Served {
            config: Arc::new(config),
            expires,
        })
    }

    /// All files.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let client_ca = self.client_ca.as_ref().map(|ca| &*ca.file);
        [&*self.certificate, &*self.key]
            .into_iter()
            .chain(client_ca)
    }
}

impl ClientCa {
    fn verifier(
        &self,
        provider: Arc<CryptoProvider>,
        now: SystemTime,
    ) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        let roots = authorities(&self.file, now)?;
        let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        if self.optional {
            builder = builder.allow_unauthenticated();
        }
        builder.build().map_err(TlsError::UnusableAuthority)
    }
}

fn fault(part: Part, file: &Path) -> impl FnOnce(TlsError) -> Fault {
    move |error| Fault {
        part,
        file: file.to_owned(),
        error,
    }
}

/// What TLS says of a connection that could not be made, if it is TLS that failed.
#[must_use]
pub fn complaint<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // An I/O error is no cause of what it wraps: it passes its causes on, and hides itself.
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        cause = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

/// A certificate with its chain and key, and when it expires.
fn identity(
    (certificate, key): (&Path, &Path),
    provider: &CryptoProvider,
    now: SystemTime,
) -> Result<(CertifiedKey, SystemTime), Fault> {
    let chain = certificates(certificate).map_err(fault(Part::Certificate, certificate))?;
    let expires = chain.first().ok_or(TlsError::Malformed).and_then(expiry);
    let expires = expires.map_err(fault(Part::Certificate, certificate))?;
    if expires <= now {
        let error = TlsError::Expired(expires);
        return Err(fault(Part::Certificate, certificate)(error));
    }
    let pair = pair(chain, key, provider).map_err(fault(Part::Key, key))?;
    Ok((pair, expires))
}

/// The authorities of a file. Those that expired are left out, since nothing else would look at their end: what they issued would be
/// believed for ever.
fn authorities(file: &Path, now: SystemTime) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let mut expired = None;
    for certificate in certificates(file)? {
        let until = expiry(&certificate)?;
        if until <= now {
            expired = expired.max(Some(until));
            continue;
        }
        roots.add(certificate).map_err(|_| TlsError::Malformed)?;
    }
    match expired {
        Some(until) if roots.is_empty() => Err(TlsError::Expired(until)),
        _ => Ok(roots),
    }
}

/// All certificates of a file, at least one. One that was cut off counts as a fault, never as the end.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let nothing = || TlsError::Nothing("a certificate");
    let bytes = read(file)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let all = all.map_err(|_| nothing())?;
    if all.is_empty() || begun(&bytes) > ended(&bytes) {
        return Err(nothing());
    }
    Ok(all)
}

fn pair(
    chain: Vec<CertificateDer<'static>>,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let bytes = read(key)?;
    let key = PrivateKeyDer::from_pem_slice(&bytes)
        .map_err(|_| TlsError::Nothing("a private key without a passphrase"))?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => TlsError::Mismatch,
        rustls::Error::InvalidCertificate(_) => TlsError::Malformed,
        _ => TlsError::UnusableKey,
    })
}

fn expiry(certificate: &CertificateDer<'_>) -> Result<SystemTime, TlsError> {
    let (_, parsed) =
        x509_parser::parse_x509_certificate(certificate).map_err(|_| TlsError::Malformed)?;
    let seconds = parsed.validity().not_after.timestamp();
    Ok(UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// Reads a file within bounds, so that a wrong path cannot fill the memory; wiped afterwards, since it may hold a key.
fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = File::open(file).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    read.map_err(TlsError::Unreadable)?;
    if bytes.len() as u64 > LARGEST {
        let problem = format!("it is larger than {LARGEST} bytes");
        return Err(TlsError::Unreadable(io::Error::new(
            ErrorKind::FileTooLarge,
            problem,
        )));
    }
    Ok(bytes)
}

fn begun(pem: &[u8]) -> usize {
    memchr::memmem::find_iter(pem, "-----BEGIN ").count()
}

fn ended(pem: &[u8]) -> usize {
    memchr::memmem::find_iter(pem, "-----END ").count()
}
