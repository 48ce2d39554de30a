//! The demo: a host application, a Rocket.Chat lookalike and Gantry between them, in one process; never shipped.
//!
//! Everything listens on loopback alone and keeps its state in memory: nothing is left when it ends. The host application can also be
//! started alone, before a real Rocket.Chat.

use std::io::Write as _;

use clap::Parser as _;
use demo::Demo;
use options::{Options, Part};
use tokio::signal::unix::{SignalKind, signal};

mod alone;
mod chat;
mod demo;
mod gantry_config;
mod host;
mod host_sessions;
mod jwt;
mod options;
mod people;
mod random;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    if let Some(Part::Host(alone)) = &options.part {
        let host = alone::start(alone).await?;
        say(format!("The host application is at {}", alone.url));
        until_ended().await?;
        host.abort();
        return Ok(());
    }
    let demo = Demo::start(&options, say).await?;
    say(demo.greeting()?);
    until_ended().await?;
    say("\nEnding the demo.".to_owned());
    demo.stop().await;
    Ok(())
}

/// Waits for Ctrl-C, or for whoever started this to end it.
async fn until_ended() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

/// Tells the person at the terminal; that nobody reads it is no reason to end.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a sink of lines takes each line"
)]
fn say(line: String) {
    let _unread = writeln!(std::io::stdout(), "{line}");
}
