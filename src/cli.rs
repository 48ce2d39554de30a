//! The command line: which commands there are, and what each prints.
//!
//! Answers go to standard output, failures to standard error through the error returned. A reader that went away is no failure.

use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};

use crate::app;
use crate::config::{self, Config, Environment};
use crate::secret::{Bearer, Secret};

/// The auth sidecar for Rocket.Chat: the host application's JWT in, a Rocket.Chat session out.
#[derive(Debug, Parser)]
#[command(name = "gantry", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve until SIGTERM or SIGINT, then drain; SIGHUP reads the configuration again.
    Run(Source),
    /// Check the configuration and tell every mistake at once.
    Check(Source),
    /// Print the effective configuration, secrets only as `[redacted]`.
    PrintConfig(Source),
    /// Print the JSON Schema of the configuration file.
    Schema,
    /// Verify a JWT and tell who it is and which Rocket.Chat user it maps to.
    Whois(Whois),
    /// Ask the admin listener of a running Gantry whether it is alive.
    Healthcheck(Source),
    /// Print version, revision and platform.
    Version,
}

/// Where the configuration comes from.
#[derive(Debug, Args)]
pub struct Source {
    /// The configuration file; without one, environment variables alone make the configuration.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// What `whois` needs.
#[derive(Debug, Args)]
pub struct Whois {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub source: Source,
    /// The file that holds the JWT.
    #[arg(long, value_name = "FILE")]
    pub token_file: PathBuf,
    /// Look the user up in Rocket.Chat, too.
    #[arg(long)]
    pub live: bool,
}

/// Runs a command to its end.
///
/// # Errors
/// When the configuration has mistakes, and when the command cannot do what it is for.
pub async fn execute(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Run(source) => Box::pin(app::run(source.source())).await,
        Command::Check(source) => print(&source.check()?),
        Command::PrintConfig(source) => print(&config::effective(
            source.config.as_deref(),
            &Environment::of_process(),
        )?),
        Command::Schema => print(&format!("{:#}\n", config::schema())),
        Command::Whois(whois) => {
            let config = whois.source.load()?;
            let told = Box::pin(app::whois(&config, &whois.token()?, whois.live)).await?;
            print(&format!("{}\n", told.trim_end()))
        }
        Command::Healthcheck(source) => Box::pin(app::healthcheck(&source.load()?)).await,
        Command::Version => print(&version()),
    }
}

impl Source {
    fn source(self) -> config::Source {
        config::Source::new(self.config, Environment::of_process())
    }

    fn load(&self) -> anyhow::Result<Config> {
        Ok(Config::load(
            self.config.as_deref(),
            &Environment::of_process(),
        )?)
    }

    fn check(&self) -> anyhow::Result<String> {
        let config = self.load()?;
        let warnings = config
            .warnings
            .iter()
            .map(|warning| format!("warning: {warning}\n"));
        Ok(warnings
            .chain(["the configuration is valid\n".to_owned()])
            .collect())
    }
}

impl Whois {
    fn token(&self) -> anyhow::Result<Bearer> {
        let text = Secret::from_file(&self.token_file)
            .with_context(|| format!("cannot read the token from {}", self.token_file.display()))?;
        Ok(Bearer::new(text.reveal().trim().to_owned()))
    }
}

fn version() -> String {
    let (architecture, system) = (std::env::consts::ARCH, std::env::consts::OS);
    let libc = if cfg!(target_env = "musl") {
        "-musl"
    } else {
        ""
    };
    let (version, revision) = (crate::VERSION, crate::REVISION);
    format!("gantry {version}\nrevision {revision}\ntarget {architecture}-{system}{libc}\n")
}

/// Writes to standard output. A pipe that was closed, as by `head`, is not our failure.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}
