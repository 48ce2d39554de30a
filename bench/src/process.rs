//! A measured process: started, asked for its CPU time and memory, and ended with the bench.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;

/// A child process that does not outlive the bench.
pub(crate) struct Process(Child);

impl Process {
    /// Starts a program; its output goes to `log`, as a service's goes to a file or a pipe.
    pub(crate) fn start(program: &Path, arguments: &[&str], log: &Path) -> anyhow::Result<Self> {
        let output = std::fs::File::create(log)?;
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("{} cannot be started", program.display()))?;
        Ok(Self(child))
    }

    /// CPU time of all threads that are still there, in nanoseconds exact to the scheduler's clock.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let mut sum = 0;
        for task in std::fs::read_dir(self.proc("task"))? {
            let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
            let ran = text
                .split_ascii_whitespace()
                .next()
                .context("schedstat is empty")?;
            sum += ran.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(sum))
    }

    /// Sends it SIGHUP; the shell knows how everywhere.
    pub(crate) fn hang_up(&self) -> anyhow::Result<()> {
        let kill = format!("kill -HUP {}", self.0.id());
        let sent = Command::new("sh").args(["-c", &kill]).status()?;
        anyhow::ensure!(sent.success(), "SIGHUP cannot be sent");
        Ok(())
    }

    /// Resident memory in KiB.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(self.proc("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let text = line.context("no VmRSS")?.trim().trim_end_matches(" kB");
        Ok(text.trim().parse()?)
    }

    fn proc(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.0.id()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _killed = self.0.kill();
        let _reaped = self.0.wait();
    }
}
