//! The program: a runtime around the command line. Exits with 0, 1 for failures, and 2 for a command line that is wrong.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

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
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        // Threads that wait for files are needed for moments, and each holds memory while it stays.
        .thread_keep_alive(Duration::from_secs(1))
        .enable_all()
        .build()?
        .block_on(gantry::cli::execute(command))
}
