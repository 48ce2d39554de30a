//! Processes of a trial: Gantry as it is run in earnest, k6, and what both and Rocket.Chat's lookalike cost meanwhile.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use lookalike::Lookalike;
use serde_json::json;

use crate::write_private;

/// `iss` and `aud` of the trial's JWTs.
pub(crate) const ISSUER: &str = "https://loadtest.example";
/// See [`ISSUER`].
pub(crate) const AUDIENCE: &str = "chat";

/// Longest wait for Gantry to be ready: everything it needs is on this machine.
const START: Duration = Duration::from_secs(30);

/// A child process that does not outlive the trial.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// CPU time of all threads that are still there, in seconds, exact to the scheduler's clock.
    pub(crate) fn cpu(&self) -> anyhow::Result<f64> {
        cpu(&self.0.id().to_string())
    }

    /// Resident memory in MiB.
    pub(crate) fn resident(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let text = line.context("no VmRSS")?.trim().trim_end_matches(" kB");
        Ok(text.trim().parse::<f64>()? / 1024.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _killed = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// CPU time of a process's threads in seconds; `self` is this process.
pub(crate) fn cpu(process: &str) -> anyhow::Result<f64> {
    let mut sum = Duration::ZERO;
    for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may end while we read.
        let Ok(text) = std::fs::read_to_string(task?.path().join("schedstat")) else {
            continue;
        };
        let ran = text.split_ascii_whitespace().next();
        sum += Duration::from_nanos(ran.context("schedstat is empty")?.parse()?);
    }
    Ok(sum.as_secs_f64())
}

/// What all cores of the machine did since it started, in ticks: busy, and in all.
pub(crate) fn machine() -> anyhow::Result<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/stat")?;
    let first = text.lines().next().unwrap_or_default();
    // user, nice, system, idle, iowait, irq, softirq, steal; guests are in user already.
    let ticks: Vec<u64> = first
        .split_ascii_whitespace()
        .skip(1)
        .take(8)
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    anyhow::ensure!(ticks.len() == 8, "/proc/stat begins with {first}");
    let all: u64 = ticks.iter().sum();
    Ok((all - ticks[3] - ticks[4], all))
}

/// A Gantry of its own process.
pub(crate) struct Gantry {
    pub(crate) process: Process,
    /// Origin of the public listener.
    pub(crate) url: String,
    /// Origin of the admin listener.
    pub(crate) admin: String,
}

impl Gantry {
    /// Starts it in front of this Rocket.Chat, with its log in the folder, and waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be started or ends at once; its log says why.
    pub(crate) async fn start(
        program: &Path,
        rocketchat: &Lookalike,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let [address, admin] = free_addresses()?;
        let config = json!({
            "listen": { "address": address, "public_url": format!("http://{address}") },
            "admin": { "address": admin },
            "rocketchat": {
                "url": rocketchat.url(),
                "service_account": {
                    "user_id": rocketchat.service_user_id(),
                    "auth_token": rocketchat.service_token(),
                },
                "create_token_secret": lookalike::Options::SECRET,
            },
            "issuers": [{
                "issuer": ISSUER,
                "audiences": [AUDIENCE],
                "algorithms": ["ES256"],
                "public_key_file": std::path::absolute(folder)?.join("public-key.pem"),
            }],
        });
        let config_file: PathBuf = folder.join("gantry.yaml");
        // JSON is YAML.
        write_private(&config_file, &config.to_string())?;
        let log = std::fs::File::create(folder.join("gantry.log"))?;
        let process = Command::new(program)
            .args(["run", "--config"])
            .arg(&config_file)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{} cannot be started", program.display()))?;
        let mut gantry = Self {
            process: Process(process),
            url: format!("http://{address}"),
            admin: format!("http://{admin}"),
        };
        gantry.until_ready(folder).await?;
        Ok(gantry)
    }

    async fn until_ready(&mut self, folder: &Path) -> anyhow::Result<()> {
        let ready = format!("{}/readyz", self.admin);
        let deadline = tokio::time::Instant::now() + START;
        while tokio::time::Instant::now() < deadline {
            if reqwest::get(&ready)
                .await
                .is_ok_and(|answer| answer.status().is_success())
            {
                return Ok(());
            }
            if self.process.0.try_wait()?.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!(
            "Gantry does not get ready; {} says why",
            folder.join("gantry.log").display()
        )
    }
}

/// Two loopback addresses that nobody listens on, both held until both are chosen.
fn free_addresses() -> anyhow::Result<[std::net::SocketAddr; 2]> {
    let probes = [
        std::net::TcpListener::bind("127.0.0.1:0")?,
        std::net::TcpListener::bind("127.0.0.1:0")?,
    ];
    Ok([probes[0].local_addr()?, probes[1].local_addr()?])
}
