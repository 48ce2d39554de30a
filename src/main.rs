//! The program: a runtime around the command line. Exits with 0, 1 for failures, and 2 for a command line that is wrong.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;

/// Hundreds of thousands of sessions live among what comes and goes with each request; glibc's allocator would leave as much room between
/// them again.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

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
    gantry::workers::scheduler()
        .build()?
        .block_on(gantry::cli::execute(command))
}
