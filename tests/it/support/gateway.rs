//! The whole of it: a real Gantry on port 0 between a client, the lookalike and a real issuer, on a clock the test moves.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gantry::app::Running;
use gantry::clock::{Clock, ManualClock};
use gantry::config::{Config, Environment};
use lookalike::{Lookalike, Manner, Options, Received};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;

use crate::support::eventually::eventually;
use crate::support::issuer::{AUDIENCE, ISSUER, Issuer};
use crate::support::raw::Raw;
use crate::support::tap::Tap;
use crate::support::world::World;

/// What browsers would call this Gantry.
pub(crate) const PUBLIC_URL: &str = "https://chat.example.com";

/// A host page's origin that may use cookies and embed.
pub(crate) const HOST_PAGE: &str = "https://app.example.com";

/// A running Gantry with all that it touches.
pub(crate) struct Gateway {
    pub(crate) rc: Arc<Lookalike>,
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) hand: ManualClock,
    pub(crate) clock: Clock,
    pub(crate) running: Running,
    pub(crate) log: Log,
    pub(crate) client: Client,
}

/// What a test may change before everything starts.
pub(crate) struct Settings {
    pub(crate) options: Options,
    pub(crate) config: fn(&mut Config),
}

impl Default for Settings {
    fn default() -> Self {
        // The limiter has tests of its own; elsewhere it would only count the test's own speed.
        let options = Options {
            rate_limiter: false,
            ..Options::new(Manner::V87)
        };
        Self {
            options,
            config: |_| {},
        }
    }
}

impl Gateway {
    /// Starts everything and waits until it is ready.
    pub(crate) async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    /// Starts with a changed config.
    pub(crate) async fn configured(config: fn(&mut Config)) -> Self {
        Self::with(Settings {
            config,
            ..Settings::default()
        })
        .await
    }

    /// Starts with other settings.
    pub(crate) async fn with(settings: Settings) -> Self {
        let gateway = Self::unready(settings).await;
        gateway.until_ready().await;
        gateway
    }

    /// Waits until the admin listener says so.
    pub(crate) async fn until_ready(&self) {
        let ready = async {
            while self.admin("/readyz").await.0 != 200 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(30), ready).await;
        in_time.expect("gantry becomes ready");
    }

    /// Starts with a wire in between that keeps what goes to Rocket.Chat.
    pub(crate) async fn tapped() -> (Self, Tap) {
        let world = World::plain().await;
        let tap = Tap::start(world.rc.address()).await;
        let url = tap.url().parse().unwrap();
        let gateway = world.gantry(|config, _| config.rocketchat.url = url).await;
        gateway.until_ready().await;
        (gateway, tap)
    }

    /// Starts without waiting.
    pub(crate) async fn unready(settings: Settings) -> Self {
        World::new(settings.options)
            .await
            .gantry(|config, _| (settings.config)(config))
            .await
    }

    /// A URL on the public listener.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// The public listener.
    pub(crate) fn address(&self) -> SocketAddr {
        self.running.address()
    }

    /// A GET with this bearer.
    pub(crate) fn get(&self, path: &str, token: &str) -> RequestBuilder {
        self.client.get(self.url(path)).bearer_auth(token)
    }

    /// A POST with this bearer.
    pub(crate) fn post(&self, path: &str, token: &str) -> RequestBuilder {
        self.client.post(self.url(path)).bearer_auth(token)
    }

    /// A connection to the public listener for bytes of any kind.
    pub(crate) async fn raw(&self) -> Raw {
        Raw::connect(self.address()).await
    }

    /// What Rocket.Chat was sent to this path.
    pub(crate) fn received(&self, path: &str) -> Vec<Received> {
        let mut all = self.rc.requests();
        all.retain(|request| request.path == path);
        all
    }

    /// What the admin listener says.
    pub(crate) async fn admin(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.running.admin_address());
        let answer = self.client.get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// The value of one series on the metrics page; 0 when it is not there.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        let (_, page) = self.admin("/metrics").await;
        let line = page.lines().find_map(|line| line.strip_prefix(series));
        line.map_or(0.0, |value| value.trim().parse().unwrap())
    }

    /// Waits until this person holds exactly so many live auth tokens at Rocket.Chat.
    pub(crate) async fn until_live_tokens(&self, username: &str, count: usize) {
        eventually("the number of live tokens", || {
            self.rc.live_tokens(username).len() == count
        })
        .await;
    }
}

/// A client that follows no redirect and keeps no cookie.
pub(crate) fn client() -> Client {
    #[expect(clippy::disallowed_methods, reason = "the tests are clients")]
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(60))
        .build()
        .unwrap()
}

/// The problem document of a refusal.
pub(crate) async fn problem(answer: reqwest::Response) -> Value {
    assert_eq!(
        answer.headers()["content-type"],
        "application/problem+json",
        "{answer:?}"
    );
    let status = answer.status().as_u16();
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["status"], status);
    problem
}

/// The end of a problem's type.
pub(crate) async fn slug(answer: reqwest::Response) -> String {
    let problem = problem(answer).await;
    problem["type"]
        .as_str()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned()
}

/// The config that every test begins with.
pub(crate) fn config(rc: &Lookalike, issuer: &Issuer) -> Config {
    let text = format!(
        r#"
listen: {{ address: "127.0.0.1:0", public_url: "{PUBLIC_URL}", drain: {{ spread: 0s }} }}
admin: {{ address: "127.0.0.1:0" }}
rocketchat:
  url: {}
  service_account: {{ user_id: "{}", auth_token: "{}" }}
  create_token_secret: {}
issuers:
  - issuer: {ISSUER}
    audiences: [{AUDIENCE}]
    algorithms: [ES256]
    jwks_url: {}
tokens: {{ cookie: host_jwt, query: jwt }}
proxy: {{ allowed_origins: ["{HOST_PAGE}"], frame_ancestors: ["{HOST_PAGE}"] }}
"#,
        rc.url(),
        rc.service_user_id(),
        rc.service_token(),
        Options::SECRET,
        issuer.jwks_url(),
    );
    Config::parse(&text, &Environment::default()).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// Everything one Gantry writes: its access lines, and whatever of the program's events came to it.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// All lines so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Waits until some line holds all of these.
    pub(crate) async fn until_line(&self, parts: &[&str]) {
        eventually(&format!("a log line with {parts:?}"), || {
            self.text()
                .lines()
                .any(|line| parts.iter().all(|part| line.contains(part)))
        })
        .await;
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
