//! Gantry against a minimal hyper pass-through: CPU time and latency of requests and of messages on sockets, memory, logins and start-up,
//! in one interleaved run.
//!
//! Every figure that is compared is a ratio of two neighbouring rounds, because machines drift; the median of the ratios counts.
//!
//! `bench [PART…]` measures these parts, or all of them when none is named; see [`Part`].

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

mod filter;
mod frames;
mod load;
mod part;
mod process;
mod reload;
mod report;
mod requests;
mod socket;
mod sockets;
mod stores;
mod talk;
mod tls;
mod tokens;
mod upstream;

use part::Part;
use process::Process;
use report::Report;
use tokens::Issuer;

const CONNECTIONS: usize = 64;
const USERS: usize = 1000;
/// Many and short: whatever else the machine does then meets both sides alike, and a few rounds that it spoils are not the median.
const ROUNDS: usize = 24;
const ROUND: Duration = Duration::from_secs(1);
/// Never-seen tokens per round: so many that the connections, which are opened for each round, cost little beside them.
const FRESH: usize = 8000;
const FRESH_ROUNDS: usize = 9;
const RATE: u32 = 2000;
const STARTS: usize = 5;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, address] = arguments.as_slice()
        && mode == "upstream"
    {
        return upstream::serve(address.parse()?).await;
    }
    let parts = Part::named(&arguments)?;
    Bench::prepare().await?.run(&parts).await
}

struct Bench {
    folder: PathBuf,
    issuer: Issuer,
    warm: Vec<String>,
    gantry: Arguments,
    gantry_address: SocketAddr,
    admin: SocketAddr,
    passthrough: Process,
    passthrough_address: SocketAddr,
    upstream_address: SocketAddr,
    _upstream: Process,
}

struct Arguments {
    program: PathBuf,
    config: String,
}

impl Bench {
    async fn prepare() -> anyhow::Result<Self> {
        let this = std::env::current_exe()?;
        let programs = this.parent().context("no folder")?.to_owned();
        let folder = programs.join("bench-files");
        std::fs::create_dir_all(&folder)?;
        let (upstream_address, passthrough_address) = (free().await?, free().await?);
        let (gantry_address, admin) = (free().await?, free().await?);
        let upstream_text = upstream_address.to_string();
        let upstream = Process::start(
            &this,
            &["upstream", &upstream_text],
            &folder.join("upstream.log"),
        )?;
        let passthrough = Process::start(
            &programs.join("passthrough"),
            &[&passthrough_address.to_string(), &upstream_text],
            &folder.join("passthrough.log"),
        )?;
        until_open(upstream_address).await?;
        until_open(passthrough_address).await?;
        let issuer = Issuer::new()?;
        let warm = (0..USERS)
            .map(|user| issuer.token(user, 0))
            .collect::<Result<_, _>>()?;
        let config = folder.join("gantry.yaml");
        std::fs::write(folder.join("issuer.pem"), issuer.public_pem())?;
        std::fs::write(folder.join("quick.pem"), issuer.quick_public_pem())?;
        std::fs::write(
            &config,
            configuration(&folder, gantry_address, admin, upstream_address),
        )?;
        let gantry = Arguments {
            program: programs.join("gantry"),
            config: config.to_string_lossy().into_owned(),
        };
        Ok(Self {
            folder,
            issuer,
            warm,
            gantry,
            gantry_address,
            admin,
            passthrough,
            passthrough_address,
            upstream_address,
            _upstream: upstream,
        })
    }

    async fn run(self, parts: &[Part]) -> anyhow::Result<()> {
        let mut report = Report::default();
        if parts.contains(&Part::Start) {
            self.starts(&mut report).await?;
        }
        if parts.iter().any(|part| part.is_under_load()) {
            self.under_load(&mut report, parts).await?;
        }
        if parts.contains(&Part::Reload) {
            self.reload(&mut report).await?;
        }
        if parts.contains(&Part::Filter) {
            self.filter(&mut report).await?;
        }
        if parts.contains(&Part::Tls) {
            self.tls(&mut report).await?;
        }
        if parts.contains(&Part::Sockets) {
            self.sockets(&mut report).await?;
        }
        if parts.contains(&Part::Ddp) {
            self.ddp(&mut report).await?;
        }
        if parts.contains(&Part::Logins) {
            self.logins(&mut report).await?;
        }
        if parts.contains(&Part::Idle) {
            self.idle(&mut report).await?;
        }
        if parts.contains(&Part::Stores) {
            self.stores(&mut report).await?;
        }
        if parts.contains(&Part::Many) {
            self.many(&mut report).await?;
        }
        if parts.contains(&Part::File) {
            self.file(&mut report).await?;
        }
        report.finish()
    }

    async fn starts(&self, report: &mut Report) -> anyhow::Result<()> {
        let mut ready = Vec::new();
        for _ in 0..STARTS {
            let (_gantry, took) = self.start().await?;
            ready.push(took.as_secs_f64() * 1000.0);
        }
        report.at_most("ready after start, ms", report::median(&mut ready), 150.0);
        Ok(())
    }

    async fn yardstick(
        &self,
        requests: &Arc<Vec<Vec<u8>>>,
        time: Option<Duration>,
    ) -> anyhow::Result<f64> {
        per_request(&self.passthrough, self.passthrough_address, requests, time).await
    }

    /// The config of a Gantry at these addresses, without its sessions.
    fn configuration(&self, address: SocketAddr, admin: SocketAddr) -> String {
        configuration(&self.folder, address, admin, self.upstream_address)
    }

    async fn start(&self) -> anyhow::Result<(Process, Duration)> {
        self.start_with(&self.gantry.config).await
    }

    async fn start_with(&self, config: &str) -> anyhow::Result<(Process, Duration)> {
        self.start_at(config, self.admin).await
    }

    /// Where the Gantry with this admin listener writes its log.
    fn log(&self, admin: SocketAddr) -> PathBuf {
        self.folder.join(format!("gantry-{}.log", admin.port()))
    }

    /// Starts a Gantry whose admin listener is there.
    async fn start_at(
        &self,
        config: &str,
        admin: SocketAddr,
    ) -> anyhow::Result<(Process, Duration)> {
        let began = Instant::now();
        let log = self.log(admin);
        let gantry = Process::start(&self.gantry.program, &["run", "--config", config], &log)?;
        loop {
            if is_ready(admin).await {
                return Ok((gantry, began.elapsed()));
            }
            ensure!(
                began.elapsed() < Duration::from_secs(10),
                "gantry does not become ready; see {}",
                log.display()
            );
            sleep(Duration::from_millis(2)).await;
        }
    }
}

/// CPU seconds a process spends on a request.
async fn per_request(
    process: &Process,
    address: SocketAddr,
    requests: &Arc<Vec<Vec<u8>>>,
    time: Option<Duration>,
) -> anyhow::Result<f64> {
    let before = process.cpu()?;
    let answered = load::closed(address, CONNECTIONS, Arc::clone(requests), time).await?;
    let spent = process.cpu()?.saturating_sub(before);
    ensure!(answered > 1000, "only {answered} requests were answered");
    Ok(spent.as_secs_f64() / f64::from(u32::try_from(answered)?))
}

fn configuration(
    folder: &Path,
    address: SocketAddr,
    admin: SocketAddr,
    upstream: SocketAddr,
) -> String {
    format!(
        r#"
listen: {{ address: "{address}", public_url: "https://chat.example.com", limits: {{ connections_per_client: 0 }} }}
admin: {{ address: "{admin}" }}
rocketchat:
  url: http://{upstream}
  service_account: {{ user_id: service, auth_token: "{:043}" }}
  create_token_secret: bench-secret
issuers:
  - issuer: https://host.example.com
    audiences: [chat]
    algorithms: [RS256]
    public_key_file: {}
  - issuer: https://quick.example.com
    audiences: [chat]
    algorithms: [EdDSA]
    public_key_file: {}
users: {{ sync_profile: false }}
websocket: {{ pending: 20000, pending_per_client: 0 }}
"#,
        0,
        folder.join("issuer.pem").display(),
        folder.join("quick.pem").display()
    )
}

async fn free() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await?
        .local_addr()?)
}

async fn until_open(address: SocketAddr) -> anyhow::Result<()> {
    for _ in 0..500 {
        if TcpStream::connect(address).await.is_ok() {
            return Ok(());
        }
        sleep(Duration::from_millis(10)).await;
    }
    anyhow::bail!("nobody listens on {address}")
}

async fn is_ready(admin: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(admin).await else {
        return false;
    };
    let asked = stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    let mut answer = Vec::new();
    asked.await.is_ok()
        && stream.read_to_end(&mut answer).await.is_ok()
        && answer.starts_with(b"HTTP/1.1 200")
}

fn mebibytes(kibibytes: u64) -> f64 {
    f64::from(u32::try_from(kibibytes).unwrap_or(u32::MAX)) / 1024.0
}
