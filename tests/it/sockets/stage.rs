//! A DDP client in either framing, and what Rocket.Chat heard of it.

use std::collections::VecDeque;

use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::gateway::Gateway;
use crate::support::socket::Socket;

/// How DDP stands in a client's frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Raw,
    SockJs,
}

/// What a client must be able to use.
pub(super) const BOTH: [Framing; 2] = [Framing::Raw, Framing::SockJs];

/// What every client says first.
pub(super) const CONNECT: &str = r#"{"msg":"connect","version":"1","support":["1","pre2","pre1"]}"#;

impl Framing {
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Raw => "/websocket",
            Self::SockJs => "/sockjs/123/abcdefgh/websocket",
        }
    }

    /// Messages as they stand in frames, all in one where the framing can.
    fn frames(self, messages: &[String]) -> Vec<String> {
        match self {
            Self::Raw => messages.to_vec(),
            Self::SockJs => vec![json!(messages).to_string()],
        }
    }
}

/// A client.
pub(super) struct Client {
    socket: Socket,
    framing: Framing,
    /// Messages that came in a frame with others and were not looked at yet.
    came: VecDeque<String>,
    /// All frames that came, one after the other.
    pub(super) heard: String,
    pings: u32,
}

impl Client {
    /// Whom nobody knows; `connect` is said and answered.
    pub(super) async fn anonymous(gateway: &Gateway, framing: Framing) -> Self {
        Self::open(gateway, framing, &[]).await
    }

    /// Whom the upgrade identifies; `connect` is said and answered.
    pub(super) async fn identified(gateway: &Gateway, framing: Framing, token: &str) -> Self {
        let bearer = format!("Bearer {token}");
        Self::open(gateway, framing, &[("authorization", &bearer)]).await
    }

    async fn open(gateway: &Gateway, framing: Framing, headers: &[(&str, &str)]) -> Self {
        let mut client = Self::silent(gateway, framing, headers).await;
        client.say(CONNECT).await;
        client.until(|said| said["msg"] == "connected").await;
        client
    }

    /// Who has said nothing yet.
    pub(super) async fn silent(
        gateway: &Gateway,
        framing: Framing,
        headers: &[(&str, &str)],
    ) -> Self {
        let (socket, _) = Socket::with(gateway, framing.path(), headers).await;
        Self {
            socket,
            framing,
            came: VecDeque::new(),
            heard: String::new(),
            pings: 0,
        }
    }

    pub(super) async fn say(&mut self, message: impl Into<String>) {
        self.say_at_once(&[message.into()]).await;
    }

    /// Says messages in one write, and in one frame where the framing can.
    pub(super) async fn say_at_once(&mut self, messages: &[String]) {
        self.write(self.framing.frames(messages)).await;
    }

    /// Says messages in one write, each in a frame of its own.
    pub(super) async fn say_in_frames(&mut self, messages: &[String]) {
        let frames = messages.chunks(1).flat_map(|one| self.framing.frames(one));
        self.write(frames.collect()).await;
    }

    /// Puts frames on the wire, in one write.
    pub(super) async fn write(&mut self, frames: Vec<String>) {
        for frame in frames {
            self.socket.0.feed(Message::text(frame)).await.unwrap();
        }
        self.socket.0.flush().await.unwrap();
    }

    pub(super) async fn log_in(&mut self, id: &str, resume: &str) {
        self.say(login(id, resume)).await;
    }

    /// The next DDP message as it came.
    pub(super) async fn text(&mut self) -> String {
        loop {
            if let Some(text) = self.came.pop_front() {
                return text;
            }
            let frame = self.socket.hear().await;
            self.heard.push_str(&frame);
            match self.framing {
                Framing::Raw => self.came.push_back(frame),
                Framing::SockJs => {
                    if let Some(messages) = frame.strip_prefix('a') {
                        let messages: Vec<String> = serde_json::from_str(messages).unwrap();
                        self.came.extend(messages);
                    }
                }
            }
        }
    }

    /// The next DDP message, the greeting left out.
    pub(super) async fn hear(&mut self) -> Value {
        loop {
            let said: Value = serde_json::from_str(&self.text().await).unwrap();
            if said.get("server_id").is_none() {
                return said;
            }
        }
    }

    pub(super) async fn until(&mut self, mut is_it: impl FnMut(&Value) -> bool) -> Value {
        loop {
            let said = self.hear().await;
            if is_it(&said) {
                return said;
            }
        }
    }

    /// The result of the method with this id.
    pub(super) async fn result(&mut self, id: &str) -> Value {
        self.until(|said| said["msg"] == "result" && said["id"] == id)
            .await
    }

    /// All that is said until whatever was said before is answered: Rocket.Chat answers in order.
    pub(super) async fn all(&mut self) -> Vec<Value> {
        self.pings += 1;
        let id = format!("ping {}", self.pings);
        self.say(json!({ "msg": "ping", "id": id }).to_string())
            .await;
        let mut all = Vec::new();
        loop {
            let said = self.hear().await;
            if said["msg"] == "pong" && said["id"] == id {
                return all;
            }
            all.push(said);
        }
    }

    /// Hears everything until the end; the code of the close frame, if one came.
    pub(super) async fn closed(&mut self) -> Option<u16> {
        self.socket.closed_hearing(&mut self.heard).await
    }
}

/// A `login` with a token.
pub(super) fn login(id: &str, resume: &str) -> String {
    call(id, "login", &json!([{ "resume": resume }]))
}

/// A method call.
pub(super) fn call(id: &str, method: &str, params: &Value) -> String {
    json!({ "msg": "method", "method": method, "id": id, "params": params }).to_string()
}

/// A subscription.
pub(super) fn sub(id: &str, name: &str, params: &Value) -> String {
    json!({ "msg": "sub", "id": id, "name": name, "params": params }).to_string()
}

/// What Rocket.Chat heard on the socket that spoke last of all to begin, without the tests' pings.
pub(super) fn told(gateway: &Gateway) -> Vec<Value> {
    let sockets = gateway.rc.socket_texts();
    let texts = sockets.last().cloned().unwrap_or_default();
    let said = texts.iter().map(|text| serde_json::from_str(text).unwrap());
    said.filter(|said: &Value| said["msg"] != "ping").collect()
}

/// The tokens of the logins that Rocket.Chat heard on that socket; every login is Gantry's own.
pub(super) fn logins(gateway: &Gateway) -> Vec<String> {
    let told = told(gateway);
    let logins = told.iter().filter(|said| said["method"] == "login");
    let tokens = logins.map(|login| {
        let id = login["id"].as_str().unwrap();
        assert!(id.starts_with("gantry-"), "{id}");
        let token = login["params"][0]["resume"].as_str().unwrap().to_owned();
        assert_eq!(login["params"], json!([{ "resume": token }]));
        token
    });
    tokens.collect()
}

/// Which messages, by what tells them apart.
pub(super) fn names(all: &[Value]) -> Vec<String> {
    let name = |said: &Value| {
        let kind = said["msg"].as_str().unwrap();
        let about = ["method", "id", "name"].map(|key| said[key].as_str().unwrap_or_default());
        let about = match kind {
            "method" => about[0].to_owned(),
            "sub" => about[2].to_owned(),
            "added" | "removed" => said["collection"].as_str().unwrap().to_owned(),
            "updated" => said["methods"][0].as_str().unwrap().to_owned(),
            "ready" => said["subs"][0].as_str().unwrap().to_owned(),
            _ => about[1].to_owned(),
        };
        format!("{kind} {about}").trim_end().to_owned()
    };
    all.iter().map(name).collect()
}

/// How many of these are the result of this method, or its `updated`.
pub(super) fn answers(all: &[Value], id: &str) -> [usize; 2] {
    ["result", "updated"].map(|kind| {
        let name = format!("{kind} {id}");
        let names = names(all);
        names
            .iter()
            .filter(|known| *known == name.trim_end())
            .count()
    })
}

/// Checks that an error has Rocket.Chat's shape (RC §6.3) and this number.
pub(super) fn check_error(said: &Value, number: u16) {
    let error = &said["error"];
    let reason = error["reason"].as_str().unwrap();
    let message = format!("{reason} [{number}]");
    let expected = json!({
        "isClientSafe": true, "error": number, "reason": reason, "message": message,
        "errorType": "Meteor.Error",
    });
    assert_eq!(*error, expected, "{said}");
    assert!(said.get("result").is_none(), "{said}");
}

/// The stand-in of this person's session, which begins with it.
pub(super) async fn stand_in(gateway: &Gateway, token: &str) -> String {
    let answer = gateway.post("/_gantry/session", token).send().await;
    let said: Value = answer.unwrap().json().await.unwrap();
    said["token"].as_str().unwrap().to_owned()
}
