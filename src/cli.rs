//! The command line: which commands there are, and what each prints.
//!
//! Answers go to standard output, failures to standard error through the error returned. A reader that went away is no failure.

use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use serde_json::{Value, json};

use crate::app;
use crate::clock::Clock;
use crate::config::{self, Config, Environment, Mistake, Mistakes, Place};
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
    Check(Told),
    /// Try the live system and print what is right, doubtful and wrong, with the mend for each.
    Doctor(Told),
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

/// What `check` and `doctor` need.
#[derive(Debug, Args)]
pub struct Told {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub source: Source,
    /// Print what is found as JSON.
    #[arg(long)]
    pub json: bool,
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
        Command::Check(told) => told.check(),
        Command::Doctor(told) => {
            let config = told.source.read();
            let report = match &config {
                Ok(config) => Box::pin(app::doctor::examine(config, Clock::system())).await?,
                Err(mistakes) => app::doctor::refuse(mistakes),
            };
            print(&if told.json {
                report.json()?
            } else {
                report.table()
            })?;
            anyhow::ensure!(!report.has_failed(), "some checks failed");
            Ok(())
        }
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
        Ok(self.read()?)
    }

    fn read(&self) -> Result<Config, Mistakes> {
        Config::load(self.config.as_deref(), &Environment::of_process())
    }
}

impl Told {
    fn check(&self) -> anyhow::Result<()> {
        let environment = Environment::of_process();
        let (mistakes, warnings) = config::check(self.source.config.as_deref(), &environment);
        if self.json {
            let mistaken = mistakes.iter().map(|mistake| (mistake, "error"));
            let warned = warnings.iter().map(|warning| (warning, "warning"));
            let told: Vec<Value> = mistaken
                .chain(warned)
                .map(|(mistake, severity)| noted(mistake, severity))
                .collect();
            print(&format!("{:#}\n", Value::from(told)))?;
            anyhow::ensure!(mistakes.is_empty(), "the configuration has mistakes");
            return Ok(());
        }
        let warned = warnings
            .iter()
            .map(|warning| format!("warning: {warning}\n"));
        let told = warned.collect::<String>();
        if mistakes.is_empty() {
            return print(&(told + "the configuration is valid\n"));
        }
        print(&told)?;
        Err(mistakes.into())
    }
}

/// One mistake for machines; a place in the environment has the variable's name in place of a line.
fn noted(mistake: &Mistake, severity: &str) -> Value {
    let (file, line, column, variable) = match &mistake.place {
        // Line 0 is the file as a whole.
        Place::File { name, line: 0, .. } => (Some(name), None, None, None),
        Place::File { name, line, column } => (Some(name), Some(line), Some(column), None),
        Place::Variable(name) => (None, None, None, Some(name)),
        Place::Nowhere => (None, None, None, None),
    };
    json!({
        "file": file,
        "line": line,
        "column": column,
        "variable": variable,
        "key": mistake.key,
        "problem": mistake.problem,
        "severity": severity,
    })
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
