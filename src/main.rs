//! The program: a runtime around the command line. Exits with 0, 1 for failures, and 2 for a command line that is wrong.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let command = gantry::cli::Cli::parse().command;
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do when standard error is closed, too.
            let _ = writeln!(std::io::stderr().lock(), "gantry: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: gantry::cli::Command) -> anyhow::Result<()> {
    runtime()?.block_on(gantry::cli::execute(command))
}

/// Half the cores work, at least one. A sidecar stands beside Rocket.Chat, which needs the others: one core of ours carries what many
/// of Rocket.Chat's can answer, and the fewer there are, the less they wake each other and take each other's cache lines away. A single
/// one needs no scheduler between threads.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut builder = match cores / 2 {
        0 | 1 => tokio::runtime::Builder::new_current_thread(),
        workers => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(workers);
            builder
        }
    };
    builder.enable_all().build()
}
