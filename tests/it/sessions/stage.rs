//! One Rocket.Chat, one issuer and the sessions between them, on a clock that stands still until the test moves it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gantry::clock::{Clock, ManualClock, unix_seconds};
use gantry::config;
use gantry::config::issuer::{ClaimNames, Issuer, KeySource};
use gantry::config::rocketchat::{
    Mint, Minting, RocketChat as RocketChatConfig, ServiceAccount, Timeouts, VersionSetting,
};
use gantry::jwt::{LoggedOut, Verified, Verifier};
use gantry::rocketchat::RocketChat;
use gantry::secret::{Bearer, Secret};
use gantry::session::{Admitted, Backing, ExchangeError, Rules, Sessions};
use gantry::telemetry::metrics::Metrics;
use gantry::telemetry::readiness::Readiness;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use lookalike::{Lookalike, Options};
use serde_json::{Value, json};

use crate::support::eventually::eventually;

/// The issuer that signs unless a test names the other one.
pub(super) const ISSUER: &str = "https://app.example.com";

/// A second issuer, with a key of its own.
pub(super) const OTHER_ISSUER: &str = "https://other.example.com";

/// How long tokens live unless a test says otherwise.
pub(super) const TOKEN_LIFE: Duration = Duration::from_secs(3600);

/// A day, which many of the times here are counted in.
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

/// Sessions with all that they touch.
pub(super) struct Stage {
    pub(super) rc: Lookalike,
    pub(super) sessions: Sessions,
    pub(super) chat: RocketChat,
    pub(super) hand: ManualClock,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    verifier: Verifier,
}

/// What a test may change before everything starts.
pub(super) struct Settings {
    pub(super) options: Options,
    pub(super) rocketchat: fn(&mut RocketChatConfig),
    pub(super) rules: fn(&mut Rules),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            options: Options::default(),
            rocketchat: |_| {},
            rules: |_| {},
        }
    }
}

impl Stage {
    /// Everything as by default.
    pub(super) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    /// With these rules.
    pub(super) async fn ruled(rules: fn(&mut Rules)) -> Self {
        let settings = Settings {
            rules,
            ..Settings::default()
        };
        Self::with(settings).await
    }

    pub(super) async fn with(settings: Settings) -> Self {
        let days = settings.options.login_expiration_days;
        let rc = Lookalike::start(settings.options)
            .await
            .expect("a free port");
        let (clock, hand) = Clock::manual();
        let (metrics, readiness) = (Metrics::new(), Readiness::default());
        let mut config = rocketchat_config(&rc);
        (settings.rocketchat)(&mut config);
        let chat = RocketChat::new(&config, http(), clock.clone(), metrics.clone(), &readiness);
        let issuers = [ISSUER, OTHER_ISSUER].map(|name| Arc::new(issuer(name)));
        let verifier = Verifier::new(&issuers, http(), clock.clone(), metrics.clone(), &readiness);
        let mut rules = Rules::new(&session_rules(), &user_rules(), config.minting, &issuers);
        (settings.rules)(&mut rules);
        let sessions = Sessions::new(
            rules,
            chat.clone(),
            clock.clone(),
            metrics.clone(),
            Backing::memory(),
        );
        eventually("Rocket.Chat is known", || readiness.missing().is_empty()).await;
        eventually("the life of auth tokens is read", || {
            chat.login_expiration() == DAY.mul_f64(days)
        })
        .await;
        rc.forget_requests();
        Self {
            rc,
            sessions,
            chat,
            hand,
            clock,
            metrics,
            verifier,
        }
    }

    /// A fresh token of a host session, `alice` in `tab`, say, with the profile that goes with the name.
    pub(super) async fn token(&self, name: &str, session: &str) -> Arc<Verified> {
        self.token_of(ISSUER, name, session, json!({})).await
    }

    /// As [`Stage::token`], with claims added or changed; `null` takes one out.
    pub(super) async fn token_of(
        &self,
        issuer: &str,
        name: &str,
        session: &str,
        changes: Value,
    ) -> Arc<Verified> {
        let now = unix_seconds(self.clock.now());
        let mut claims = json!({
            "iss": issuer,
            "aud": "chat",
            "sub": format!("subject of {name}"),
            "sid": session,
            "iat": now,
            "exp": now + TOKEN_LIFE.as_secs(),
            "preferred_username": name,
            "name": format!("The one called {name}"),
            "email": format!("{name}@example.org"),
            "email_verified": true,
        });
        for (claim, value) in changes.as_object().expect("claims are an object") {
            claims[claim] = value.clone();
        }
        claims
            .as_object_mut()
            .expect("claims are an object")
            .retain(|_, value| !value.is_null());
        let key = EncodingKey::from_secret(key(issuer).as_bytes());
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
            .expect("claims can be signed");
        self.verifier
            .verify(&Bearer::new(token))
            .await
            .expect("the token is sound")
    }

    /// What the issuer says has ended, by `sub` or `sid` or both; each in a logout token of its own.
    pub(super) async fn logged_out(&self, names: Value) -> LoggedOut {
        let now = unix_seconds(self.clock.now());
        let mut claims = json!({
            "iss": ISSUER,
            "aud": "chat",
            "iat": now,
            "exp": now + 120,
            "jti": gantry::random::text::<16>(),
            "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        });
        let Value::Object(names) = names else {
            panic!("names are an object");
        };
        claims
            .as_object_mut()
            .expect("claims are an object")
            .extend(names);
        let key = EncodingKey::from_secret(key(ISSUER).as_bytes());
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
            .expect("claims can be signed");
        self.verifier
            .verify_logout_token(&Bearer::new(token))
            .await
            .expect("the logout token is sound")
    }

    /// Admits a new host session of this name.
    pub(super) async fn admitted(&self, name: &str, session: &str) -> Admitted {
        let token = self.token(name, session).await;
        self.sessions.admit(&token).await.expect("a session")
    }

    /// Admits in a task of its own.
    pub(super) fn admit_aside(
        &self,
        token: &Arc<Verified>,
    ) -> tokio::task::JoinHandle<Result<Admitted, ExchangeError>> {
        let (sessions, token) = (self.sessions.clone(), Arc::clone(token));
        tokio::spawn(async move { sessions.admit(&token).await })
    }

    /// How often `users.create` was called.
    pub(super) fn creations(&self) -> usize {
        self.rc.calls("POST", "/api/v1/users.create")
    }

    /// How often `users.createToken` was called.
    pub(super) fn mintings(&self) -> usize {
        self.rc.calls("POST", "/api/v1/users.createToken")
    }

    /// How often `logout` was called.
    pub(super) fn logouts(&self) -> usize {
        self.rc.calls("POST", "/api/v1/logout")
    }

    /// What Rocket.Chat says to these credentials.
    pub(super) async fn me(&self, admitted: &Admitted) -> u16 {
        http()
            .get(format!("{}/api/v1/me", self.rc.url()))
            .header("X-User-Id", admitted.credentials.user_id_value())
            .header("X-Auth-Token", admitted.credentials.auth_token_value())
            .send()
            .await
            .expect("Rocket.Chat answers")
            .status()
            .as_u16()
    }

    /// A sample of the metrics page, by its full name with labels.
    pub(super) fn sample(&self, name: &str) -> u64 {
        let page = self.metrics.page();
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.trim().parse().expect("a whole number"))
    }

    /// Waits until Rocket.Chat knows no login token of the user.
    pub(super) async fn until_logged_out(&self, name: &str) {
        eventually("the user has no token left", || {
            self.rc.live_tokens(name).is_empty()
        })
        .await;
        eventually("no logout is owed", || {
            self.sample("gantry_owed_logouts") == 0
        })
        .await;
    }
}

fn key(issuer: &str) -> String {
    format!("the secret of {issuer}, long enough for HS256")
}

fn issuer(name: &str) -> Issuer {
    Issuer {
        issuer: name.to_owned(),
        audiences: vec!["chat".to_owned()],
        logout_audiences: vec!["chat".to_owned()],
        algorithms: vec![Algorithm::HS256],
        keys: KeySource::Secret(Secret::new(key(name))),
        leeway: Duration::from_secs(30),
        max_age: 100 * DAY,
        required_claims: BTreeMap::new(),
        claims: ClaimNames {
            roles: "roles".to_owned(),
            ..ClaimNames::default()
        },
    }
}

fn session_rules() -> config::session::Sessions {
    config::session::Sessions {
        store: config::session::StoreConfig::Memory,
        keys: Vec::new(),
        scope: config::session::Scope::Session,
        max_per_principal: 10,
        refresh_at: 0.8,
        idle_timeout: 12 * Duration::from_secs(3600),
        max_lifetime: 7 * DAY,
        grace: Duration::from_secs(30),
        end_on_last_socket: None,
        logout_on_shutdown: false,
    }
}

fn user_rules() -> config::users::Users {
    config::users::Users {
        provision: true,
        username: "{username}".to_owned(),
        email_domain: String::new(),
        adopt_existing: true,
        protected_roles: vec!["admin".to_owned()],
        roles: BTreeMap::from([("staff".to_owned(), vec!["moderator".to_owned()])]),
        default_roles: vec!["user".to_owned()],
        join_default_channels: true,
        sync_profile: true,
    }
}

fn rocketchat_config(rc: &Lookalike) -> RocketChatConfig {
    RocketChatConfig {
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
fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .expect("a client")
}
