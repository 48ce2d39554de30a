//! One DDP connection without its socket: messages and events go in, messages come out.
//!
//! RC §6.3. The connection begins with nobody logged in, whatever headers its handshake carried
//! (RC §6.2); only `login` changes that. It ends by itself when the token that it logged in with is
//! removed in a way that RC announces (RC §3.6).

use serde_json::{Value, json};

use super::frame::{self, Incoming, Malformed};
use super::limits::Calling;
use super::methods::{self, Login};
use super::streams::Subscriptions;
use crate::answers::MeteorError;
use crate::auth::{Caller, Origin};
use crate::fault::{self, LoginFault};
use crate::latch::Latch;
use crate::moment;
use crate::presence::{self, Status};
use crate::random;
use crate::sign_in::SignedIn;
use crate::state::{App, Event};

/// What to do after a message or an event.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// Messages to send, in order.
    pub(super) send: Vec<Value>,
    /// Whether the connection ends after them.
    pub(super) close: bool,
    /// What must be open before anything is sent.
    pub(super) hold: Option<Latch>,
    /// A message in the middle of which the connection ends.
    pub(super) torn: Option<Value>,
}

impl Step {
    fn send(messages: Vec<Value>) -> Self {
        Self {
            send: messages,
            ..Self::default()
        }
    }
}

/// One connection.
pub(super) struct Session {
    app: App,
    id: String,
    from: Origin,
    connected: bool,
    login: Option<Login>,
    subscriptions: Subscriptions,
}

impl Session {
    pub(super) fn new(app: App, from: Origin) -> Self {
        Self {
            app,
            id: random::id(),
            from,
            connected: false,
            login: None,
            subscriptions: Subscriptions::default(),
        }
    }

    /// What the server says first.
    pub(super) fn greeting() -> Value {
        json!({"server_id": "0"})
    }

    /// Takes one text of the client.
    pub(super) fn receive(&mut self, text: &str) -> Step {
        let message = match frame::parse(text) {
            Ok(message) => message,
            Err(malformed) => return Step::send(vec![malformed.answer()]),
        };
        let out_of_turn = match (self.connected, message["msg"] == "connect") {
            (false, false) => Some("Must connect first"),
            (true, true) => Some("Already connected"),
            _ => None,
        };
        if let Some(reason) = out_of_turn {
            return Step::send(vec![Malformed::new(reason, Some(message)).answer()]);
        }
        match frame::read(&message) {
            Ok(incoming) => self.act(incoming),
            Err(malformed) => Step::send(vec![malformed.answer()]),
        }
    }

    fn act(&mut self, incoming: Incoming) -> Step {
        match incoming {
            Incoming::Connect { version, support } => self.connect(&version, &support),
            Incoming::Ping { id } => Step::send(vec![frame::pong(id)]),
            Incoming::Pong => Step::default(),
            Incoming::Method { id, method, params } => self.method((&id, &method), &params),
            Incoming::Sub { id, name, params } => {
                let user_id = self.login.as_ref().map(|login| login.user_id.as_str());
                let answer = match self.count(&name) {
                    Ok(()) => self
                        .subscriptions
                        .begin(&self.app, user_id, (&id, &name, &params)),
                    Err(error) => Some(frame::nosub(&id, Some(&error))),
                };
                Step::send(answer.into_iter().collect())
            }
            Incoming::Unsub { id } => Step::send(vec![self.subscriptions.end(&id)]),
        }
    }

    /// A version that is not the client's best is refused with ours, and the connection ends.
    fn connect(&mut self, version: &str, support: &[String]) -> Step {
        let asked = support.iter().any(|known| known == version);
        if !asked || !frame::VERSIONS.contains(&version) {
            let best = frame::VERSIONS
                .iter()
                .find(|known| support.iter().any(|theirs| theirs == *known))
                .unwrap_or(&frame::VERSIONS[0]);
            let failed = json!({"msg": "failed", "version": best});
            return Step {
                send: vec![failed],
                close: true,
                ..Step::default()
            };
        }
        self.connected = true;
        Step::send(vec![json!({"msg": "connected", "session": self.id})])
    }

    fn count(&self, method: &str) -> Result<(), MeteorError> {
        let user = self.login.as_ref().map(|login| login.user_id.as_str());
        let calling = Calling {
            connection: &self.id,
            user,
            address: &self.from.address,
        };
        count(&self.app, calling, method)
    }

    fn method(&mut self, called: (&str, &str), params: &[Value]) -> Step {
        let (id, method) = called;
        if method == "login" {
            return self.login(id, params);
        }
        let mut before = Vec::new();
        let returned = self.count(method).and_then(|()| match method {
            "logout" => {
                self.log_out(&mut before);
                Ok(None)
            }
            other => {
                self.note_presence(other);
                methods::call(&self.app, self.login.as_ref(), other, params)
            }
        });
        before.push(frame::result(id, returned));
        before.push(frame::updated(id));
        Step::send(before)
    }

    /// A login, with the trouble that a test has made for it.
    fn login(&mut self, id: &str, params: &[Value]) -> Step {
        let fault = self.app.login_faults.take();
        let mut news = Vec::new();
        let returned = self.count("login").and_then(|()| match fault {
            Some(LoginFault::Refused) => Err(fault::logged_out()),
            _ => self.log_in(params, &mut news).map(Some),
        });
        let (result, updated) = (frame::result(id, returned), frame::updated(id));
        let mut step = Step::default();
        match &fault {
            Some(LoginFault::ResultFirst) => {
                step.send.extend([result, updated]);
                step.send.append(&mut news);
                return step;
            }
            Some(LoginFault::ResultLast) => {
                step.send.push(updated);
                step.send.append(&mut news);
                step.send.push(result);
                return step;
            }
            Some(LoginFault::CutShort) => {
                step.send = news;
                step.torn = Some(result);
                return step;
            }
            Some(LoginFault::Twice) => news.extend([result.clone(), updated.clone()]),
            // A latch that nobody else has is never opened.
            Some(LoginFault::Silent) => step.hold = Some(Latch::new()),
            Some(LoginFault::Held(latch)) => step.hold = Some(latch.clone()),
            Some(LoginFault::Refused) | None => {}
        }
        news.extend([result, updated]);
        step.send = news;
        step
    }

    /// Says that this connection is in use, or is not, where a method says so.
    fn note_presence(&self, method: &str) {
        let status = match method {
            "UserPresence:online" => Status::Online,
            "UserPresence:away" => Status::Away,
            _ => return,
        };
        if let Some(login) = &self.login {
            presence::there(&self.app, &login.user_id, &self.id, status);
        }
    }

    /// Logs in; the user's document goes out before the result.
    fn log_in(&mut self, params: &[Value], out: &mut Vec<Value>) -> Result<Value, MeteorError> {
        let signed_in = log_in(&self.app, params, &self.from)?;
        if let Some(before) = self.login.replace(Login::of_sign_in(&signed_in)) {
            out.push(json!({"msg": "removed", "collection": "users", "id": before.user_id}));
            if before.user_id != signed_in.user_id {
                presence::gone(&self.app, &before.user_id, &self.id);
            }
        }
        presence::there(&self.app, &signed_in.user_id, &self.id, Status::Online);
        out.push(users_document(&self.app, &signed_in.user_id));
        out.extend(
            self.subscriptions
                .look_again(&self.app, Some(&signed_in.user_id)),
        );
        Ok(login_result(&signed_in))
    }

    /// Removes the token and goes on with nobody logged in. The login is forgotten first, or the
    /// connection would close itself as one whose token vanished.
    fn log_out(&mut self, out: &mut Vec<Value>) {
        let Some(login) = self.login.take() else {
            return;
        };
        presence::gone(&self.app, &login.user_id, &self.id);
        log_out(&self.app, &login);
        out.push(json!({"msg": "removed", "collection": "users", "id": login.user_id}));
        out.extend(self.subscriptions.look_again(&self.app, None));
    }

    /// Takes one event of the workspace.
    pub(super) fn hear(&self, event: &Event) -> Step {
        if let (Event::TokensRemoved { user_id, hashed }, Some(login)) = (event, &self.login) {
            let close = login.user_id == *user_id && hashed.contains(&login.hashed);
            return Step {
                close,
                ..Step::default()
            };
        }
        let user_id = self.login.as_ref().map(|login| login.user_id.as_str());
        Step::send(self.subscriptions.hear(&self.app, user_id, event))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(login) = &self.login {
            presence::gone(&self.app, &login.user_id, &self.id);
        }
    }
}

impl Login {
    /// The login of a REST request, as the tunnel sees it.
    pub(crate) fn of(caller: &Caller) -> Self {
        Self {
            user_id: caller.user_id.clone(),
            token: caller.token.clone(),
            hashed: caller.hashed.clone(),
        }
    }

    fn of_sign_in(signed_in: &SignedIn) -> Self {
        Self {
            user_id: signed_in.user_id.clone(),
            token: signed_in.token.clone(),
            hashed: random::hashed_token(&signed_in.token),
        }
    }
}

/// Counts a method or subscription against the limits; none hold where the host switched the
/// limiter off.
pub(crate) fn count(app: &App, calling: Calling<'_>, method: &str) -> Result<(), MeteorError> {
    if !app.options.rate_limiter {
        return Ok(());
    }
    let now = app.clock.now_ms();
    app.state().method_limits.count(calling, method, now)
}

/// Meteor's `login` with its parameters, from wherever it came.
pub(crate) fn log_in(app: &App, params: &[Value], from: &Origin) -> Result<SignedIn, MeteorError> {
    app.sign_in(params.first().unwrap_or(&Value::Null), from)
}

/// What `login` returns; a personal access token has no expiry (RC §6.4).
pub(crate) fn login_result(signed_in: &SignedIn) -> Value {
    let mut result =
        json!({"id": signed_in.user_id, "token": signed_in.token, "type": signed_in.kind});
    if let Some(at) = signed_in.expires_at {
        result["tokenExpires"] = moment::ejson(at);
    }
    result
}

/// Removes the token of a login.
pub(crate) fn log_out(app: &App, login: &Login) {
    app.remove_tokens(&login.user_id, |token| token.hashed == login.hashed);
}

fn users_document(app: &App, user_id: &str) -> Value {
    let state = app.state();
    let fields = state.users.get(user_id).map(|user| {
        let emails: Vec<Value> = user
            .emails
            .iter()
            .map(|email| json!({"address": email.address, "verified": email.verified}))
            .collect();
        json!({"username": user.username, "name": user.name, "emails": emails})
    });
    json!({"msg": "added", "collection": "users", "id": user_id, "fields": fields})
}
