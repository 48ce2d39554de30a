//! Requests over kept connections under TLS against the same over plain ones, in turns: two processes that differ in that alone.
//!
//! Connections are opened once, before anything is measured, so that no handshake counts.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::load::Connection;
use crate::process::Process;
use crate::report::{Report, median};
use crate::{Bench, CONNECTIONS, ROUND, ROUNDS, free};

/// What the certificate is for.
const NAME: &str = "chat.example.com";

/// Most of a plain request's CPU time that one under TLS may cost.
const BAR: f64 = 1.6;

impl Bench {
    /// Measures both.
    pub(crate) async fn tls(&self, report: &mut Report) -> anyhow::Result<()> {
        let (address, admin) = (free().await?, free().await?);
        let certificate = self.certificate()?;
        let folder = self.folder.display();
        let files = format!(
            "listen: {{ tls: {{ certificate_file: {folder}/tls.crt, key_file: {folder}/tls.key }}, "
        );
        let config = self.configuration(address, admin);
        let path = self.folder.join("tls.yaml");
        std::fs::write(&path, config.replace("listen: { ", &files))?;
        let (plain, _) = self.start().await?;
        let (encrypted, _) = self.start_at(&path.to_string_lossy(), admin).await?;

        let connector = connector(certificate)?;
        let (mut over_tcp, mut over_tls) = (Vec::new(), Vec::new());
        for _ in 0..CONNECTIONS {
            over_tcp.push(Connection::open(self.gantry_address).await?);
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let stream = connector.connect(ServerName::try_from(NAME)?, stream);
            over_tls.push(Connection::over(stream.await?));
        }
        let requests = self.warm_requests();
        // Everybody is exchanged and the pools are filled before anything is measured.
        over_tcp = ask(over_tcp, &requests, ROUND).await?.0;
        over_tls = ask(over_tls, &requests, ROUND).await?.0;

        let mut ratios = Vec::new();
        for _ in 0..ROUNDS {
            let (yardstick, ours);
            (over_tcp, yardstick) = cost(&plain, over_tcp, &requests).await?;
            (over_tls, ours) = cost(&encrypted, over_tls, &requests).await?;
            report.note(&format!(
                "tls round: plain {:.1} µs, TLS {:.1} µs of CPU a request",
                yardstick * 1e6,
                ours * 1e6
            ));
            ratios.push(ours / yardstick);
        }
        report.at_most("warm request, TLS against plain", median(&mut ratios), BAR);
        Ok(())
    }

    /// Writes a certificate that vouches for itself, and its key.
    fn certificate(&self) -> anyhow::Result<CertificateDer<'static>> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![NAME.to_owned()])?.self_signed(&key)?;
        std::fs::write(self.folder.join("tls.crt"), certificate.pem())?;
        std::fs::write(self.folder.join("tls.key"), key.serialize_pem())?;
        Ok(certificate.der().clone())
    }
}

fn connector(certificate: CertificateDer<'static>) -> anyhow::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// CPU seconds that the process spends on a request, with the connections for the next round.
async fn cost<S>(
    process: &Process,
    connections: Vec<Connection<S>>,
    requests: &Arc<Vec<Vec<u8>>>,
) -> anyhow::Result<(Vec<Connection<S>>, f64)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let before = process.cpu()?;
    let (connections, answered) = ask(connections, requests, ROUND).await?;
    let spent = process.cpu()?.saturating_sub(before);
    ensure!(answered > 1000, "only {answered} requests were answered");
    let cost = spent.as_secs_f64() / f64::from(u32::try_from(answered)?);
    Ok((connections, cost))
}

/// Asks over all connections as fast as answers come.
async fn ask<S>(
    connections: Vec<Connection<S>>,
    requests: &Arc<Vec<Vec<u8>>>,
    time: Duration,
) -> anyhow::Result<(Vec<Connection<S>>, usize)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let end = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for (index, mut connection) in connections.into_iter().enumerate() {
        let requests = Arc::clone(requests);
        tasks.spawn(async move {
            let mut answered = 0;
            while Instant::now() < end {
                let next = (index * 15 + answered) % requests.len();
                connection.ask(&requests[next]).await?;
                answered += 1;
            }
            anyhow::Ok((connection, answered))
        });
    }
    let (mut connections, mut sum) = (Vec::new(), 0);
    while let Some(task) = tasks.join_next().await {
        let (connection, answered) = task??;
        connections.push(connection);
        sum += answered;
    }
    Ok((connections, sum))
}
