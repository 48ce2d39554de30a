//! The certificate that new handshakes get, read anew when its files change.
//!
//! Connections that are open keep theirs. Whatever is wrong with changed files, the old ones stay in use, and one log line says what to
//! mend.

use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsStream, rustls};
use tokio_util::sync::CancellationToken;

use crate::changes::Changes;
use crate::clock::Clock;
use crate::telemetry::metrics::{Metrics, TlsSide};
use crate::tls::{Fault, Files, Served, complaint};

/// What a listener serves with; cheap to clone.
#[derive(Clone, Debug)]
pub struct Certificates(Arc<Inner>);

/// Keeps [`Certificates`] up to date.
#[derive(Debug)]
pub struct Following {
    certificates: Certificates,
    changes: Changes,
}

#[derive(Debug)]
struct Inner {
    files: Files,
    served: ArcSwap<Served>,
    clock: Clock,
    metrics: Metrics,
}

impl Certificates {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn open(files: Files, clock: Clock, metrics: Metrics) -> Result<(Self, Following), Fault> {
        let changes = Changes::of(files.paths());
        let served = files.load(clock.now())?;
        metrics.certificate_shown(TlsSide::Downstream, served.expires);
        let certificates = Self(Arc::new(Inner {
            files,
            served: ArcSwap::from_pointee(served),
            clock,
            metrics,
        }));
        let following = Following {
            certificates: certificates.clone(),
            changes,
        };
        Ok((certificates, following))
    }

    /// Shakes hands with a client.
    ///
    /// # Errors
    /// When the client does not speak TLS as we do, or shows no certificate that is believed where one is wanted.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<Box<TlsStream<TcpStream>>> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.0.served.load().config));
        let stream = acceptor.accept(stream).await?;
        Ok(Box::new(TlsStream::Server(stream)))
    }

    /// Counts what became of a handshake.
    pub fn count(&self, result: &'static str) {
        self.0.metrics.hands_shaken(result);
    }
}

impl Following {
    /// Takes new files for new handshakes until `ended`.
    pub async fn run(mut self, ended: CancellationToken) {
        loop {
            tokio::select! {
                () = self.changes.next() => self.reload().await,
                () = ended.cancelled() => return,
            }
        }
    }

    async fn reload(&self) {
        let certificates = self.certificates.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let inner = &*certificates.0;
            inner.files.load(inner.clock.now())
        });
        let inner = &*self.certificates.0;
        match reading.await {
            Ok(Ok(served)) => {
                let until = humantime::format_rfc3339_seconds(served.expires);
                tracing::info!(
                    file = %inner.files.certificate.display(),
                    expires = %until,
                    "new handshakes get the changed certificate"
                );
                inner
                    .metrics
                    .certificate_shown(TlsSide::Downstream, served.expires);
                inner
                    .metrics
                    .certificate_reloaded(TlsSide::Downstream, "ok");
                inner.served.store(Arc::new(served));
            }
            Ok(Err(fault)) => {
                tracing::error!(
                    error.kind = fault.error.kind(),
                    error = %fault,
                    "changed TLS files of the listener cannot be used; those from before stay in use"
                );
                let kind = fault.error.kind();
                inner
                    .metrics
                    .certificate_reloaded(TlsSide::Downstream, kind);
            }
            // The program ends.
            Err(_) => {}
        }
    }
}

/// Why hands were not shaken, as a fixed word for the metric.
#[must_use]
pub fn unshaken(error: &io::Error) -> &'static str {
    use rustls::Error;
    match complaint(error) {
        // The client went away, as checks of the port do that say nothing.
        None => "closed",
        Some(Error::InvalidMessage(_)) => "no_tls",
        Some(Error::NoCertificatesPresented | Error::InvalidCertificate(_)) => "client_certificate",
        // It does not believe our certificate, in most cases.
        Some(Error::AlertReceived(_)) => "refused_by_client",
        Some(Error::PeerIncompatible(_) | Error::NoApplicationProtocol) => "incompatible",
        Some(_) => "failed",
    }
}
