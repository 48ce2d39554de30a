//! Replicas over one Redis, between one Rocket.Chat and one issuer, on one clock.

use gantry::config::{Config, Environment, session};
use gantry_redis::node::Node;
use reqwest::Response;
use serde_json::Value;

use crate::support::gateway::{Gateway, PUBLIC_URL};
use crate::support::world::World;

pub(crate) const ECHO: &str = "/api/v1/gantry-test.echo";
pub(crate) const CREATE: &str = "/api/v1/users.create";
pub(crate) const MINT: &str = "/api/v1/users.createToken";
pub(crate) const LOGOUT: &str = "/api/v1/logout";

/// A key for tests only.
pub(crate) const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// Replicas with what they share.
pub(crate) struct Replicas {
    pub(crate) world: World,
    pub(crate) redis: Node,
    pub(crate) all: Vec<Gateway>,
}

impl Replicas {
    /// So many, all ready.
    pub(crate) async fn start(count: usize) -> Self {
        Self::configured(count, |_| {}).await
    }

    /// With a changed config.
    pub(crate) async fn configured(count: usize, change: fn(&mut Config)) -> Self {
        let world = World::plain().await;
        // On the test's own thread, with which it ends: one of the runtime's for blocking calls would end before.
        let redis = Node::redis();
        let mut replicas = Self {
            world,
            redis,
            all: Vec::new(),
        };
        for _ in 0..count {
            let another = replicas.another(change).await;
            replicas.all.push(another);
        }
        replicas
    }

    /// Another replica over the same store.
    pub(crate) async fn another(&self, change: fn(&mut Config)) -> Gateway {
        let port = self.redis.port();
        let store = format!("store: redis, redis: {{ url: 'redis://127.0.0.1:{port}' }}");
        let gateway = self.world.clone().gantry(|config, _| {
            keep_in(config, &store);
            change(config);
        });
        let gateway = gateway.await;
        gateway.until_ready().await;
        gateway
    }

    /// How many requests Rocket.Chat got for this path.
    pub(crate) fn received(&self, path: &str) -> usize {
        self.all[0].received(path).len()
    }

    pub(crate) fn live_tokens(&self, username: &str) -> Vec<String> {
        self.world.rc.live_tokens(username)
    }
}

/// Puts a store into a config.
pub(crate) fn keep_in(config: &mut Config, store: &str) {
    let sessions = sessions(store);
    config.sessions.store = sessions.store;
    config.sessions.keys = sessions.keys;
}

fn sessions(store: &str) -> session::Sessions {
    let text = format!(
        r#"
listen: {{ public_url: "{PUBLIC_URL}" }}
rocketchat: {{ url: "http://127.0.0.1:1", service_account: {{ user_id: x, auth_token: x }} }}
issuers: [{{ issuer: "https://a.example", audiences: [a], algorithms: [ES256], jwks_url: "http://127.0.0.1:1/x" }}]
sessions: {{ {store}, encryption_key: "{KEY}" }}
"#
    );
    let config = Config::parse(&text, &Environment::default());
    config
        .unwrap_or_else(|mistakes| panic!("{mistakes}"))
        .sessions
}

/// The stand-in that a replica gives to this token.
pub(crate) async fn stand_in(gateway: &Gateway, token: &str) -> String {
    let answer = gateway.post("/_gantry/session", token).send().await;
    let body: Value = answer.unwrap().json().await.unwrap();
    body["token"].as_str().unwrap().to_owned()
}

/// A request with this stand-in and no JWT.
pub(crate) async fn by_stand_in(gateway: &Gateway, stand_in: &str) -> Response {
    let asked = gateway.client.get(gateway.url(ECHO));
    asked.header("x-auth-token", stand_in).send().await.unwrap()
}

/// A request with this JWT, and its status.
pub(crate) async fn status(gateway: &Gateway, token: &str) -> u16 {
    let answer = gateway.get(ECHO, token).send().await.unwrap();
    answer.status().as_u16()
}
