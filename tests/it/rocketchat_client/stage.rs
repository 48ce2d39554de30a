//! One lookalike with one client of it, on a clock that stands still until the test moves it.

use std::time::Duration;

use gantry::clock::{Clock, ManualClock};
use gantry::config::rocketchat::{
    self as settings, Mint, Minting, ServiceAccount, Timeouts, VersionSetting,
};
use gantry::rocketchat::{NewUser, RocketChat, User};
use gantry::secret::Secret;
use gantry::telemetry::metrics::Metrics;
use gantry::telemetry::readiness::Readiness;
use lookalike::{Lookalike, Manner, Options};

use crate::support::eventually::eventually;

/// A client with all that it touches.
pub(super) struct Stage {
    pub(super) rc: Lookalike,
    pub(super) chat: RocketChat,
    pub(super) hand: ManualClock,
    pub(super) clock: Clock,
    pub(super) readiness: Readiness,
    pub(super) metrics: Metrics,
}

impl Stage {
    /// A ready client of a Rocket.Chat of this manner, configured as its host should have done.
    pub(super) async fn of(manner: Manner) -> Self {
        Self::with(Options::new(manner), |_config| {}).await
    }

    /// A ready client with a changed Rocket.Chat and a changed config.
    pub(super) async fn with(
        options: Options,
        change: impl FnOnce(&mut settings::RocketChat),
    ) -> Self {
        let stage = Self::unready(options, change).await;
        stage.until_ready().await;
        stage
    }

    /// As [`Stage::with`], without waiting for the client to be ready.
    pub(super) async fn unready(
        options: Options,
        change: impl FnOnce(&mut settings::RocketChat),
    ) -> Self {
        let rc = Lookalike::start(options).await.expect("a free port");
        Self::beside(rc, change)
    }

    /// A new client of a Rocket.Chat that is there already.
    pub(super) fn beside(rc: Lookalike, change: impl FnOnce(&mut settings::RocketChat)) -> Self {
        let mut config = config(&rc);
        change(&mut config);
        let (clock, hand) = Clock::manual();
        let readiness = Readiness::default();
        let metrics = Metrics::new();
        let chat = RocketChat::new(
            &config,
            http(config.timeouts),
            clock.clone(),
            metrics.clone(),
            &readiness,
        );
        Self {
            rc,
            chat,
            hand,
            clock,
            readiness,
            metrics,
        }
    }

    /// Waits for readiness.
    pub(super) async fn until_ready(&self) {
        eventually("the client is ready", || {
            self.readiness.missing().is_empty()
        })
        .await;
    }

    /// Waits until readiness says this.
    pub(super) async fn until_missing(&self, reason: &str) {
        eventually(reason, || {
            self.readiness
                .missing()
                .iter()
                .any(|it| it.contains(reason))
        })
        .await;
    }

    /// Finds a user that must be there.
    pub(super) async fn found(&self, username: &str) -> User {
        self.chat
            .user_by_name(username)
            .await
            .expect("an answer")
            .expect("the user is there")
    }

    /// Creates alice.
    pub(super) async fn alice(&self) -> User {
        self.chat.create_user(&ALICE).await.expect("alice is made")
    }

    /// How often `users.createToken` was called.
    pub(super) fn mintings(&self) -> usize {
        self.rc.calls("POST", "/api/v1/users.createToken")
    }

    /// How often `login` was called.
    pub(super) fn logins(&self) -> usize {
        self.rc.calls("POST", "/api/v1/login")
    }
}

/// The user that most tests make.
pub(super) const ALICE: NewUser<'static> = NewUser {
    username: "alice",
    name: "Alice A.",
    email: "alice@example.org",
    email_verified: true,
    roles: &[],
    join_default_channels: true,
};

/// Turns the config to a service account with a password.
pub(super) fn by_password(config: &mut settings::RocketChat, rc: &Lookalike, password: &str) {
    config.service_account = ServiceAccount::Password {
        username: rc.service_username(),
        password: Secret::new(password.to_owned()),
        totp_secret: None,
    };
}

fn config(rc: &Lookalike) -> settings::RocketChat {
    settings::RocketChat {
        tls: None,
        url: rc.url().parse().expect("a URL"),
        service_account: ServiceAccount::Token {
            user_id: rc.service_user_id(),
            auth_token: Secret::new(rc.service_token()),
        },
        create_token_secret: Some(Secret::new(Options::SECRET.to_owned())),
        version: VersionSetting::Auto,
        mint: Mint::CreateToken,
        timeouts: Timeouts {
            connect: Duration::from_secs(2),
            call: Duration::from_secs(10),
            response_header: Duration::from_secs(60),
        },
        minting: Minting {
            concurrency: 16,
            queue: 2000,
            queue_timeout: Duration::from_secs(10),
        },
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the program's own client comes from app.rs; this one is made the same way"
)]
fn http(timeouts: Timeouts) -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(timeouts.connect)
        .timeout(timeouts.call)
        .build()
        .expect("a client")
}
