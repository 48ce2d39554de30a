//! The load-test kit's own program: makes users' JWTs for k6, wrk and oha, and runs a trial on loopback; never shipped.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;
use options::{Command, Options};

mod chart;
mod gantry;
mod key;
mod options;
mod report;
mod results;
mod tokens;
mod trial;

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Options::parse().command {
        Command::Key(wanted) => key::make(&wanted.key_file, &wanted.public_key_file).map(|()| true),
        Command::Tokens(wanted) => tokens::write(&wanted).map(|()| true),
        Command::Trial(wanted) => trial::run(&wanted).await,
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        // What was missed has been told.
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say_wrong(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Tells the person at the terminal; that nobody reads it is no reason to end.
fn say(line: &str) {
    let _unread = writeln!(std::io::stdout(), "{line}");
}

fn say_wrong(line: &str) {
    let _unread = writeln!(std::io::stderr(), "gantry-loadtest: {line}");
}

/// Writes a file that its owner alone may read: keys and JWTs are as good as logins.
fn write_private(path: &PathBuf, text: &str) -> anyhow::Result<()> {
    use anyhow::Context as _;
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};

    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let private = std::fs::Permissions::from_mode(0o600);
    options
        .open(path)
        .and_then(|mut file| {
            // The mode above is for new files only.
            if file.metadata()?.is_file() {
                file.set_permissions(private)?;
            }
            file.write_all(text.as_bytes())
        })
        .with_context(|| format!("{} cannot be written", path.display()))
}
