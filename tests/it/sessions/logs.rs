//! What the log says of sessions, and what it must not say.

use std::io::Write;
use std::sync::{Arc, Mutex};

use gantry::session::ExchangeError;
use lookalike::NewUser;
use serde_json::Value;
use tracing::subscriber::DefaultGuard;

use crate::sessions::stage::{ISSUER, Stage};

/// Everything that is logged on this thread while the guard lives.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn listen() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no test panics while writing").clone())
            .expect("the log is text")
    }

    /// The fields of the one line with this message.
    fn line(&self, message: &str) -> Value {
        let text = self.text();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"))
            .map(|line| line["fields"].clone())
            .filter(|fields| fields["message"] == message)
            .collect();
        assert_eq!(lines.len(), 1, "{message} in {text}");
        lines[0].clone()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .expect("no test panics while writing")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_session_is_logged_when_it_begins_and_when_it_ends() {
    let (log, _listening) = Log::listen();
    let stage = Stage::new().await;
    let token = stage.token("alice", "tab").await;
    let admitted = stage.sessions.admit(&token).await.expect("a session");
    stage.sessions.logout(&token);
    stage.until_logged_out("alice").await;
    let (began, ended) = (log.line("a session began"), log.line("a session ended"));
    for line in [&began, &ended] {
        assert_eq!(line["session.id"], admitted.session.id());
        assert_eq!(line["issuer"], ISSUER);
    }
    let user_id = admitted.credentials.user_id();
    assert_eq!(began["rocketchat.user_id"], user_id);
    assert_eq!(ended["rocketchat.user_id"], user_id);
    assert_eq!(ended["cause"], "logout");
    assert_eq!(ended["ended_by"], "client");
}

#[tokio::test]
async fn no_log_line_names_the_person_or_holds_a_token() {
    let (log, _listening) = Log::listen();
    let stage = Stage::new().await;
    let token = stage.token("alice", "the tab").await;
    let admitted = stage.sessions.admit(&token).await.expect("a session");
    let stand_in = stage.sessions.stand_in(&admitted);
    stage.rc.stop().await;
    assert!(stage.sessions.reject(&admitted).await.is_err());
    stage.sessions.logout(&token);
    stage.rc.restart().await.expect("its port is free");
    stage.rc.add_user(NewUser {
        roles: vec!["admin".to_owned()],
        ..NewUser::new("boss")
    });
    let refused = stage
        .sessions
        .admit(&stage.token("boss", "tab").await)
        .await;
    assert!(matches!(refused, Err(ExchangeError::NotPermitted(_))));
    let auth_token = admitted.credentials.auth_token().reveal();
    let text = log.text();
    assert!(text.contains("a session ended"), "{text}");
    for secret in [
        "alice",
        "boss",
        "subject of",
        "@",
        "the tab",
        auth_token,
        stand_in.reveal(),
    ] {
        assert!(!ours(&text).contains(secret), "{secret:?} in {text}");
    }
}

/// The lines of Gantry's own; the libraries' and the lookalike's are below what is shown.
fn ours(text: &str) -> String {
    let ours = text
        .lines()
        .filter(|line| line.contains("\"target\":\"gantry::"));
    ours.collect()
}
