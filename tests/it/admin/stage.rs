//! A Gantry whose admin API is open, and who asks there.

use std::sync::Mutex;

use gantry::config::Config;
use gantry::secret::Secret;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use crate::support::gateway::{Gateway, Settings};
use crate::support::socket::Socket;

/// The token of the admin API.
pub(super) const TOKEN: &str = "an-admin-token-of-these-tests-0123456789";

/// Any path of Rocket.Chat's API.
pub(super) const ECHO: &str = "/api/v1/gantry-test.echo";

/// A gateway with an administrator before it.
pub(super) struct Office {
    pub(super) gateway: Gateway,
    answers: Mutex<Vec<String>>,
}

/// An answer of the admin listener.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// The problem document of a refusal: its slug and its detail.
    pub(super) fn problem(&self) -> (u16, String, String) {
        assert_eq!(
            self.headers["content-type"], "application/problem+json",
            "{self:?}"
        );
        assert_eq!(self.headers["cache-control"], "no-store", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
        let slug = text("type").rsplit('/').next().unwrap().to_owned();
        (self.status, slug, text("detail"))
    }
}

/// Opens the admin API.
pub(super) fn open(config: &mut Config) {
    config.admin.token = Some(Secret::new(TOKEN.to_owned()));
}

impl Office {
    pub(super) async fn start() -> Self {
        Self::configured(open).await
    }

    /// With a changed config, in which the caller opens the API.
    pub(super) async fn configured(config: fn(&mut Config)) -> Self {
        let settings = Settings {
            config,
            ..Settings::default()
        };
        Self::before(Gateway::with(settings).await)
    }

    pub(super) fn before(gateway: Gateway) -> Self {
        Self {
            gateway,
            answers: Mutex::default(),
        }
    }

    /// Asks with these values of `Authorization`.
    pub(super) async fn ask_with(
        &self,
        method: Method,
        path: &str,
        authorization: &[&str],
    ) -> Answer {
        let url = format!("http://{}{path}", self.gateway.running.admin_address());
        let mut request = self.gateway.client.request(method, url);
        for value in authorization {
            request = request.header("authorization", *value);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        let all = format!("{headers:?}{text}");
        self.answers.lock().unwrap().push(all);
        Answer {
            status,
            headers,
            text,
        }
    }

    /// Asks as an administrator.
    pub(super) async fn ask(&self, method: Method, path: &str) -> Answer {
        let bearer = format!("Bearer {TOKEN}");
        self.ask_with(method, path, &[&bearer]).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path).await
    }

    pub(super) async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path).await
    }

    /// The sessions on a page, which must be one.
    pub(super) async fn sessions(&self, query: &str) -> Vec<Value> {
        let answer = self.get(&format!("/sessions?{query}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["sessions"].as_array().unwrap().clone()
    }

    /// Whose sessions are on a page.
    pub(super) async fn usernames(&self, query: &str) -> Vec<String> {
        let sessions = self.sessions(query).await;
        let name = |session: &Value| session["username"].as_str().unwrap().to_owned();
        sessions.iter().map(name).collect()
    }

    /// The one session of this person.
    pub(super) async fn session_of(&self, username: &str) -> Value {
        let mut sessions = self.sessions(&format!("user={username}")).await;
        assert_eq!(sessions.len(), 1, "{sessions:?}");
        sessions.remove(0)
    }

    /// Begins a session, or uses the one there is; its JWT comes back.
    pub(super) async fn enter(&self, username: &str) -> String {
        let token = self.gateway.issuer.token(username);
        assert_eq!(self.use_token(&token).await, 200);
        token
    }

    /// Begins another session of this person.
    pub(super) async fn enter_again(&self, username: &str, sid: &str) -> String {
        let claims = json!({ "sid": sid });
        let token = self.gateway.issuer.token_with(username, claims);
        assert_eq!(self.use_token(&token).await, 200);
        token
    }

    /// What Gantry says to this JWT.
    pub(super) async fn use_token(&self, token: &str) -> u16 {
        let answer = self.gateway.get(ECHO, token).send().await.unwrap();
        answer.status().as_u16()
    }

    /// The stand-in that a client of this JWT holds.
    pub(super) async fn stand_in(&self, token: &str) -> String {
        let answer = self.gateway.post("/_gantry/session", token);
        let answer: Value = answer.send().await.unwrap().json().await.unwrap();
        answer["token"].as_str().unwrap().to_owned()
    }

    /// A socket of this JWT, on which Rocket.Chat has answered.
    pub(super) async fn socket(&self, token: &str) -> Socket {
        let mut socket = Socket::open(&self.gateway, token).await;
        socket.connect_ddp().await;
        socket
    }

    /// None of these is in any answer that the admin listener gave.
    pub(super) fn assert_untold<'a>(&self, secrets: impl IntoIterator<Item = &'a str>) {
        let answers = self.answers.lock().unwrap();
        assert!(!answers.is_empty());
        for secret in secrets {
            assert!(secret.len() > 10, "{secret} is no secret");
            let told = answers.iter().find(|answer| answer.contains(secret));
            assert_eq!(told, None, "{secret}");
        }
    }
}
