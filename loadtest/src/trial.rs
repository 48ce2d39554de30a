//! One trial on this machine: lookalike, Gantry and k6, everybody over loopback, watched second by second.

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use lookalike::Lookalike;
use tokio::time::MissedTickBehavior;

use crate::gantry::{self, AUDIENCE, Gantry, ISSUER, Process};
use crate::options::{self, Script, Trial};
use crate::report::Report;
use crate::results::Results;
use crate::{key, say, tokens};

/// What the processes used during one second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// When it began, in milliseconds since 1970.
    pub(crate) at: u64,
    /// Processor time of Gantry, in cores.
    pub(crate) gantry: f64,
    /// Of k6.
    pub(crate) k6: f64,
    /// Of the lookalike (and of us, who do nothing meanwhile).
    pub(crate) rocketchat: f64,
    /// How busy all cores were, from 0 to 1, with whatever else runs on this machine.
    pub(crate) machine: f64,
    /// Gantry's resident memory at its end, in MiB.
    pub(crate) resident: f64,
}

/// Runs it; whether everything kept to its thresholds.
///
/// # Errors
/// When a part cannot be started, or k6 gave no results.
pub(crate) async fn run(wanted: &Trial) -> anyhow::Result<bool> {
    std::fs::create_dir_all(&wanted.folder)
        .with_context(|| format!("{} cannot be made", wanted.folder.display()))?;
    let folder = std::path::absolute(&wanted.folder)?;
    let program = match &wanted.gantry {
        Some(program) => program.clone(),
        None => std::env::current_exe()?.with_file_name("gantry"),
    };
    key::make(&folder.join("key.pem"), &folder.join("public-key.pem"))?;
    tokens::write(&trial_tokens(wanted, &folder))?;
    let rocketchat = rocketchat().await?;
    let gantry = Gantry::start(&program, &rocketchat, &folder).await?;
    say(&format!(
        "loading {} with {}.js for {} s; {} tells how it goes",
        gantry.url,
        wanted.script.name(),
        wanted.duration,
        gantry.admin,
    ));
    let mut k6 = start_k6(wanted, &gantry, &folder)?;
    let (usage, kept) = watch(&gantry, &mut k6).await?;
    drop(gantry);
    rocketchat.stop().await;
    let csv = std::fs::File::open(folder.join("k6.csv")).context("k6 left no results")?;
    let results = Results::read(BufReader::new(csv), wanted.script.metrics())?;
    let report = Report::new(wanted.script, &results, &usage);
    let drawing = folder.join("report.svg");
    std::fs::write(&drawing, report.drawing())
        .with_context(|| format!("{} cannot be written", drawing.display()))?;
    say(&report.summary());
    say(&format!("drawn in {}", drawing.display()));
    if !kept {
        say("FAILED: k6 names the threshold above");
    }
    Ok(kept)
}

fn trial_tokens(wanted: &Trial, folder: &Path) -> options::Tokens {
    options::Tokens {
        key_file: folder.join("key.pem"),
        file: folder.join("tokens.txt"),
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        algorithm: None,
        key_id: None,
        users: wanted.users,
        life: wanted.duration / 60 + 60,
        prefix: "load".to_owned(),
        email_domain: "load.example".to_owned(),
        claims: Vec::new(),
    }
}

/// A workspace that answers whoever comes: its own limits are not what is measured.
async fn rocketchat() -> anyhow::Result<Lookalike> {
    let options = lookalike::Options {
        rate_limiter: false,
        ..lookalike::Options::default()
    };
    let rocketchat = Lookalike::start(options)
        .await
        .context("the Rocket.Chat lookalike cannot be started")?;
    // Nobody reads the recording here, and it would grow.
    rocketchat.set_recording(false);
    rocketchat.join("rocket.cat", "general");
    rocketchat.say("rocket.cat", "general", "Something to read.");
    Ok(rocketchat)
}

fn start_k6(wanted: &Trial, gantry: &Gantry, folder: &Path) -> anyhow::Result<Process> {
    let script = wanted.scripts.join(format!("{}.js", wanted.script.name()));
    let tokens: PathBuf = folder.join("tokens.txt");
    let mut command = Command::new(&wanted.k6);
    command
        .args(["run", "--no-usage-report", "--no-color", "--quiet"])
        // Nobody steers it, and its port may be another's.
        .args(["--address", ""])
        .arg("--out")
        .arg(format!("csv={}", folder.join("k6.csv").display()))
        // Two columns in place of fifteen: writing the others costs k6 more than asking.
        .args(["--system-tags", "scenario,status"])
        .env("TARGET", &gantry.url)
        .env("TOKENS", tokens)
        .env("P99_MS", wanted.p99.to_string())
        .env("K6_CSV_TIME_FORMAT", "unix_milli");
    let duration = wanted.duration.to_string();
    match wanted.script {
        Script::Rest => command
            .env("RATE", wanted.rate.to_string())
            .env("DURATION", duration),
        Script::Sockets => command
            .env("SOCKETS", wanted.users.to_string())
            .env("RAMP", (wanted.duration / 6).max(1).to_string())
            .env("EVERY", "1")
            .env("DURATION", duration),
        Script::Storm => command
            .env("WITHIN", duration)
            .env("STAY", (wanted.duration / 6).max(3).to_string()),
    };
    let k6 = command
        .arg(&script)
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("{} cannot be started", wanted.k6.display()))?;
    Ok(Process(k6))
}

/// Looks at the processes each second until k6 has ended; what they used, and whether k6 was content.
async fn watch(gantry: &Gantry, k6: &mut Process) -> anyhow::Result<(Vec<Usage>, bool)> {
    let mut usage = Vec::new();
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    // On a machine that has no time for us a second is missed, not made up for.
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick.tick().await;
    let mut machine = gantry::machine()?;
    let mut last = [gantry.process.cpu()?, k6.cpu()?, gantry::cpu("self")?];
    let mut looked = tokio::time::Instant::now();
    loop {
        tick.tick().await;
        if let Some(status) = k6.0.try_wait()? {
            return Ok((usage, status.success()));
        }
        let passed = looked.elapsed().as_secs_f64();
        looked = tokio::time::Instant::now();
        let Ok(k6_cpu) = k6.cpu() else {
            // It ended just now.
            continue;
        };
        let sums = [gantry.process.cpu()?, k6_cpu, gantry::cpu("self")?];
        // Threads that ended take their time with them: never below nothing.
        let cores = |at: usize| ((sums[at] - last[at]) / passed).max(0.0);
        let before = std::mem::replace(&mut machine, gantry::machine()?);
        usage.push(Usage {
            at: now().saturating_sub(Duration::from_secs_f64(passed).as_millis().try_into()?),
            gantry: cores(0),
            k6: cores(1),
            rocketchat: cores(2),
            machine: share(machine.0 - before.0, machine.1 - before.1),
            resident: gantry.process.resident()?,
        });
        last = sums;
    }
}

#[expect(clippy::cast_precision_loss, reason = "ticks of a second or some")]
fn share(busy: u64, all: u64) -> f64 {
    busy as f64 / all.max(1) as f64
}

fn now() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "k6 writes wall time, too")]
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
}
