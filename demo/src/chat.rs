//! The host application's own calls to Rocket.Chat: made through Gantry, with the person's JWT and nothing else.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest wait for one call; the page is waiting with us.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two questions whether Gantry is ready.
const BETWEEN_ASKING: Duration = Duration::from_millis(20);

/// A client of Gantry.
pub(crate) struct Chat {
    client: reqwest::Client,
    /// Its origin, as we reach it.
    reached: String,
    /// Its origin, as browsers know it.
    gantry: String,
}

/// A room of the person, as the page lists it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Room {
    id: String,
    name: String,
    /// `c`, `p` or `d`, Rocket.Chat's own letters for channel, group and direct room.
    kind: String,
    unread: u64,
    /// Where the room is, at Gantry.
    path: String,
}

/// Why a call did not work, as the page shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Trouble {
    /// The answer's status, when there was one.
    pub(crate) status: Option<u16>,
    /// The problem's title, or what went wrong on the way.
    pub(crate) title: String,
}

/// Somebody of the workspace, as Rocket.Chat's presence knows them.
#[derive(Debug, Deserialize)]
pub(crate) struct Present {
    pub(crate) username: String,
    pub(crate) status: String,
}

#[derive(Deserialize)]
struct Presences {
    users: Vec<Present>,
}

#[derive(Deserialize)]
struct Subscriptions {
    update: Vec<Subscription>,
}

#[derive(Deserialize)]
struct Subscription {
    rid: String,
    t: String,
    name: String,
    #[serde(default)]
    fname: Option<String>,
    #[serde(default)]
    unread: u64,
}

impl Chat {
    /// A client of the Gantry at this URL, which browsers know by the other.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    #[expect(
        clippy::disallowed_methods,
        reason = "the host application is not Gantry: it has a client of its own, made here alone"
    )]
    pub(crate) fn new(reached: String, gantry: String) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .context("cannot set up the HTTP client")?;
        Ok(Self {
            client,
            reached,
            gantry,
        })
    }

    /// Where Gantry is, for browsers.
    pub(crate) fn gantry(&self) -> &str {
        &self.gantry
    }

    /// Waits until Gantry has everything it needs.
    ///
    /// # Errors
    /// When that takes longer than `patience`; the text says what is missing.
    pub(crate) async fn until_ready(
        &self,
        admin: SocketAddr,
        patience: Duration,
    ) -> anyhow::Result<()> {
        let mut missing = "it does not answer".to_owned();
        let asking = async {
            loop {
                let asked = self.client.get(format!("http://{admin}/readyz"));
                if let Ok(answer) = asked.send().await {
                    if answer.status().is_success() {
                        return;
                    }
                    missing = answer.text().await.unwrap_or_default();
                }
                tokio::time::sleep(BETWEEN_ASKING).await;
            }
        };
        let ready = tokio::time::timeout(patience, asking).await;
        ready.map_err(|_| anyhow::anyhow!("Gantry is not ready: {}", missing.trim()))
    }

    /// The rooms of the JWT's person. The first call of a new person is what makes their Rocket.Chat user.
    ///
    /// # Errors
    /// [`Trouble`].
    pub(crate) async fn rooms(&self, jwt: &str) -> Result<Vec<Room>, Trouble> {
        let answer = self
            .call(Method::GET, "/api/v1/subscriptions.get", jwt)
            .await?;
        let subscriptions: Subscriptions = serde_json::from_value(answer)
            .map_err(|_| Trouble::text("the list of rooms cannot be read"))?;
        let mut rooms: Vec<Room> = subscriptions.update.into_iter().map(Room::of).collect();
        rooms.sort_by(|one, other| (&one.kind, &one.name).cmp(&(&other.kind, &other.name)));
        Ok(rooms)
    }

    /// Who is there, as the JWT's person may know it.
    ///
    /// # Errors
    /// [`Trouble`].
    pub(crate) async fn present(&self, jwt: &str) -> Result<Vec<Present>, Trouble> {
        let answer = self
            .call(Method::GET, "/api/v1/users.presence", jwt)
            .await?;
        let presences: Presences = serde_json::from_value(answer)
            .map_err(|_| Trouble::text("the list of people cannot be read"))?;
        Ok(presences.users)
    }

    /// Where Gantry's WebSocket is.
    pub(crate) fn socket_url(&self) -> String {
        format!("{}/websocket", self.gantry.replacen("http", "ws", 1))
    }

    /// Gantry's answer to "who am I".
    ///
    /// # Errors
    /// [`Trouble`], with status 401 when there is no session.
    pub(crate) async fn session(&self, jwt: &str) -> Result<Value, Trouble> {
        self.call(Method::GET, "/_gantry/session", jwt).await
    }

    /// Ends the host session at Gantry, for good.
    ///
    /// # Errors
    /// [`Trouble`].
    pub(crate) async fn logout(&self, jwt: &str) -> Result<(), Trouble> {
        self.call(Method::POST, "/_gantry/logout", jwt)
            .await
            .map(|_| ())
    }

    async fn call(&self, method: Method, path: &str, jwt: &str) -> Result<Value, Trouble> {
        let answer = self
            .client
            .request(method, format!("{}{path}", self.reached))
            .bearer_auth(jwt)
            .send()
            .await
            .map_err(|_| Trouble::text("Gantry cannot be reached"))?;
        let status = answer.status();
        let body: Value = answer.json().await.unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(body);
        }
        Err(Trouble::refused(status, &body))
    }
}

impl Room {
    fn of(subscription: Subscription) -> Self {
        // Rocket.Chat's own client names channels and groups by name, direct rooms by id.
        let (place, key) = match subscription.t.as_str() {
            "c" => ("channel", &subscription.name),
            "p" => ("group", &subscription.name),
            _ => ("direct", &subscription.rid),
        };
        let key = utf8_percent_encode(key, NON_ALPHANUMERIC);
        Self {
            path: format!("/{place}/{key}"),
            id: subscription.rid,
            name: subscription.fname.unwrap_or(subscription.name),
            kind: subscription.t,
            unread: subscription.unread,
        }
    }
}

impl Trouble {
    fn text(title: &str) -> Self {
        Self {
            status: None,
            title: title.to_owned(),
        }
    }

    fn refused(status: StatusCode, body: &Value) -> Self {
        let title = ["title", "error", "message"]
            .iter()
            .find_map(|key| body.get(key)?.as_str());
        Self {
            status: Some(status.as_u16()),
            title: title
                .or(status.canonical_reason())
                .unwrap_or("refused")
                .to_owned(),
        }
    }
}
