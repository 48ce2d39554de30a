//! The three parts put together: Rocket.Chat first, then the host application with its keys, then Gantry.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use gantry::app::Running;
use gantry::clock::Clock;
use lookalike::Lookalike;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::chat::Chat;
use crate::gantry_config;
use crate::host::Host;
use crate::host_sessions::HostSessions;
use crate::jwt::Signer;
use crate::options::{Options, Ports, loopback};
use crate::people::PEOPLE;
use crate::random;

/// How long the JWT on the greeting's `curl` line lives: as long as somebody may want to play with it.
const CURL_JWT_LIFE: Duration = Duration::from_secs(3600);

/// Longest wait for Gantry to have the keys and Rocket.Chat's version: both are on this machine.
const START: Duration = Duration::from_secs(20);

/// A running demo.
pub(crate) struct Demo {
    ports: Ports,
    host: Arc<Host>,
    rocketchat: Lookalike,
    serving: JoinHandle<()>,
    gantry: Running,
}

impl Demo {
    /// Starts everything; `tell` hears what the person at the terminal should know.
    ///
    /// # Errors
    /// When a part cannot be started.
    pub(crate) async fn start(options: &Options, tell: impl FnMut(String)) -> anyhow::Result<Self> {
        let ports = options.ports(tell)?;
        let clock = Clock::system();
        let rocketchat = rocketchat(ports.rocketchat, options.tokens_file.clone()).await?;
        let url = format!("http://{}", loopback(ports.host));
        let gantry = format!("http://{}", loopback(ports.gantry));
        let host = Arc::new(Host {
            signer: Signer::new(url.clone())?,
            url,
            sessions: HostSessions::default(),
            chat: Chat::new(gantry.clone(), gantry)?,
            rocketchat: Some(rocketchat.clone()),
            clock: clock.clone(),
        });
        let listener = TcpListener::bind(loopback(ports.host))
            .await
            .context("the host application cannot listen")?;
        let router = Arc::clone(&host).router();
        let serving = tokio::spawn(async move {
            // Serving ends with the task, not with an error.
            let _ended = axum::serve(listener, router).await;
        });
        let config = gantry_config::config(&ports, &rocketchat, options.verbose)?;
        let gantry = gantry::app::start(config, clock, std::io::stdout())
            .await
            .context("Gantry cannot be started")?;
        host.chat.until_ready(gantry.admin_address(), START).await?;
        Ok(Self {
            ports,
            host,
            rocketchat,
            serving,
            gantry,
        })
    }

    /// What to do now: one URL, and a line for the shell.
    ///
    /// # Errors
    /// When the key refuses to sign.
    pub(crate) fn greeting(&self) -> anyhow::Result<String> {
        let person = &PEOPLE[PEOPLE.len() - 1];
        let (signer, now) = (&self.host.signer, self.host.clock.now());
        let jwt = signer.sign(person, &random::text(12)?, now, CURL_JWT_LIFE)?;
        Ok(format!(
            "
  The demo is ready. Open

      {host}

  and log in as one of the people there. A second browser, or a private window, makes a second person.

  Or be {name} at the command line, for an hour:

      curl -H 'Authorization: Bearer {jwt}' {gantry}/api/v1/me

  Gantry: {gantry}   its metrics: {admin}/metrics   Rocket.Chat (a lookalike): {rocketchat}
  Ctrl-C ends everything.
",
            host = self.host.url,
            name = person.name,
            gantry = self.host.chat.gantry(),
            admin = format_args!("http://{}", loopback(self.ports.admin)),
            rocketchat = self.rocketchat.url(),
        ))
    }

    /// Ends everything.
    pub(crate) async fn stop(self) {
        self.gantry.stop().await;
        self.serving.abort();
        self.rocketchat.stop().await;
    }
}

/// A workspace to chat in.
async fn rocketchat(port: u16, tokens_file: Option<PathBuf>) -> anyhow::Result<Lookalike> {
    let options = lookalike::Options {
        address: loopback(port),
        // All people of the host application call from one address; a real back end that polls needs a higher limit, too.
        rate_limiter: false,
        tokens_file,
        ..lookalike::Options::default()
    };
    let rocketchat = Lookalike::start(options)
        .await
        .context("the Rocket.Chat lookalike cannot be started")?;
    // Nobody reads the recording here, and it would grow.
    rocketchat.set_recording(false);
    // Rocket.Chat's client tells the page around it what is unread, and Gantry's module hands that on.
    rocketchat.set_setting("Iframe_Integration_send_enable", true.into());
    furnish(&rocketchat);
    Ok(rocketchat)
}

/// Rooms that everybody joins with their first request, and something to read in them.
fn furnish(rocketchat: &Lookalike) {
    const CAT: &str = "rocket.cat";
    rocketchat.join(CAT, "general");
    rocketchat.say(
        CAT,
        "general",
        "Welcome! Everybody who logs in at the host application meets here.",
    );
    rocketchat.add_default_channel("help-desk", "Questions, and sometimes answers", CAT);
    rocketchat.say(CAT, "help-desk", "Ask anything. @bob is on duty today.");
    rocketchat.add_default_channel("lunch", "12:30, downstairs", CAT);
    rocketchat.say(
        CAT,
        "lunch",
        "Today: tomato soup, then whatever @carol votes for.",
    );
}
