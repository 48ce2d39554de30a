//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// JWTs for load tests, and a trial on this machine.
#[derive(Debug, Parser)]
#[command(name = "gantry-loadtest", version)]
pub(crate) struct Options {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What there is to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a signing key, for an issuer that Gantry is told of for the time of the test.
    Key(KeyPair),
    /// Write one JWT for each of so many users, one a line.
    Tokens(Tokens),
    /// Start a Rocket.Chat lookalike and Gantry here, load them with k6, and draw what came of it.
    Trial(Trial),
}

/// Where the new key goes.
#[derive(Debug, Args)]
pub(crate) struct KeyPair {
    /// The private key (PEM, PKCS#8, ES256), for `tokens`.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: PathBuf,
    /// The public key (PEM), for Gantry's `issuers[].public_key_file`.
    #[arg(long, value_name = "FILE")]
    pub(crate) public_key_file: PathBuf,
}

/// Which JWTs.
#[derive(Debug, Args)]
pub(crate) struct Tokens {
    /// The issuer's private key (PEM: RSA, EC or Ed25519), or the shared secret of HS256.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: PathBuf,
    /// Where the JWTs go.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// `iss`, as Gantry's `issuers[].issuer`.
    #[arg(long)]
    pub(crate) issuer: String,
    /// `aud`, one of Gantry's `issuers[].audiences`.
    #[arg(long)]
    pub(crate) audience: String,
    /// The algorithm; by default the first of RS256, ES256, ES384 and EdDSA that fits the key.
    #[arg(long)]
    pub(crate) algorithm: Option<jsonwebtoken::Algorithm>,
    /// `kid`, where the issuer publishes several keys.
    #[arg(long)]
    pub(crate) key_id: Option<String>,
    /// How many users.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) users: u32,
    /// How long the JWTs live, in minutes: at least as long as the test lasts.
    #[arg(long, default_value_t = 120, value_name = "MINUTES")]
    pub(crate) life: u32,
    /// What usernames and subjects begin with; another prefix makes users that Rocket.Chat does not know yet.
    #[arg(long, default_value = "load")]
    pub(crate) prefix: String,
    /// Domain of the users' addresses.
    #[arg(long, default_value = "load.example")]
    pub(crate) email_domain: String,
    /// One more claim; the value is JSON, or else taken as text. May be given several times.
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim)]
    pub(crate) claims: Vec<(String, serde_json::Value)>,
}

/// Which trial.
#[derive(Debug, Args)]
pub(crate) struct Trial {
    /// The script.
    #[arg(value_enum, default_value_t = Script::Rest)]
    pub(crate) script: Script,
    /// How long the load lasts, in seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) duration: u32,
    /// How many users.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) users: u32,
    /// Requests a second, of `rest`.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: u32,
    /// Latency that 99 of 100 may have, in milliseconds; more fails the trial.
    #[arg(long, default_value_t = 500, value_name = "MILLISECONDS")]
    pub(crate) p99: u32,
    /// The program to load; by default the one beside this.
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) gantry: Option<PathBuf>,
    /// k6.
    #[arg(long, default_value = "k6", value_name = "PROGRAM")]
    pub(crate) k6: PathBuf,
    /// Where the scripts are.
    #[arg(long, default_value = "loadtest", value_name = "FOLDER")]
    pub(crate) scripts: PathBuf,
    /// Where everything that is made goes, `report.svg` too.
    #[arg(long, default_value = "target/loadtest", value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
}

/// The scripts that a trial can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Script {
    /// Everybody reads over REST, at a fixed rate.
    Rest,
    /// Everybody holds a socket.
    Sockets,
    /// Everybody comes for the first time, within the duration.
    Storm,
}

impl Script {
    /// Its name, which is also its file's.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Sockets => "sockets",
            Self::Storm => "storm",
        }
    }

    /// k6's metrics that are drawn: what is counted, and how long it took in milliseconds.
    pub(crate) fn metrics(self) -> (&'static str, &'static str) {
        match self {
            Self::Rest => ("http_reqs", "http_req_duration"),
            Self::Sockets => ("round_trips", "round_trip"),
            Self::Storm => ("arrivals", "first_request"),
        }
    }

    /// What is counted, and what takes time, in words.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Rest => ("requests", "Latency"),
            Self::Sockets => ("round trips", "Round trip in a socket"),
            Self::Storm => ("arrivals", "Latency of the first request"),
        }
    }
}

fn claim(text: &str) -> Result<(String, serde_json::Value), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("{text} is no NAME=VALUE"))?;
    let value = serde_json::from_str(value).unwrap_or_else(|_text| value.into());
    Ok((name.to_owned(), value))
}
