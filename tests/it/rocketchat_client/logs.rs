//! What operators read: what to mend, said once, without a token, a name or an address (RC §3.3, §11).

use std::io::Write;
use std::sync::{Arc, Mutex};

use gantry::secret::Secret;
use lookalike::{Manner, Options};
use tracing::subscriber::DefaultGuard;

use super::stage::{ALICE, Stage, by_password};

/// Everything logged by this thread, down to `trace`, of Gantry and of the crates below it.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn capture() -> (Self, DefaultGuard) {
        let lines = Self::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (lines, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        let bytes = self.0.lock().expect("no writer panics").clone();
        String::from_utf8(bytes).expect("logs are text")
    }

    fn with(&self, part: &str) -> usize {
        self.text()
            .lines()
            .filter(|line| line.contains(part))
            .count()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .expect("no writer panics")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_missing_permission_is_told_once_and_its_mending_once() {
    let (lines, _capturing) = Lines::capture();
    let stage = Stage::of(Manner::V87).await;
    let alice = stage.alice().await;
    stage.rc.revoke_permission("user-generate-access-token");
    for _ in 0..5 {
        stage.chat.mint(&alice).await.expect_err("refused");
    }
    assert_eq!(lines.with("ERROR"), 1, "{}", lines.text());
    assert_eq!(lines.with("permission user-generate-access-token"), 1);
    assert_eq!(lines.with("CREATE_TOKENS_FOR_USERS_SECRET"), 1);
    stage.rc.grant_permission("user-generate-access-token");
    for _ in 0..5 {
        stage.chat.mint(&alice).await.expect("a token");
    }
    assert_eq!(
        lines.with("permits the service account to mint auth tokens again"),
        1
    );
    stage.rc.revoke_permission("user-generate-access-token");
    stage.chat.mint(&alice).await.expect_err("refused");
    assert_eq!(lines.with("ERROR"), 2, "{}", lines.text());
}

#[tokio::test]
async fn an_old_rocket_chat_is_told_its_own_switch() {
    let (lines, _capturing) = Lines::capture();
    let options = Options {
        create_token: lookalike::CreateToken::Off,
        ..Options::new(Manner::V7)
    };
    let stage = Stage::with(options, |_config| {}).await;
    let alice = stage.alice().await;
    stage.chat.mint(&alice).await.expect_err("refused");
    assert_eq!(
        lines.with("CREATE_TOKENS_FOR_USERS=true"),
        1,
        "{}",
        lines.text()
    );
}

#[tokio::test]
async fn no_log_line_holds_a_secret_or_a_person() {
    let (lines, _capturing) = Lines::capture();
    let rc = lookalike::Lookalike::start(Options::new(Manner::V87))
        .await
        .expect("a free port");
    let password = rc.service_password();
    let stage = Stage::beside(rc.clone(), |config| {
        by_password(config, &rc, &password);
        config.create_token_secret = Some(Secret::new(Options::SECRET.to_owned()));
    });
    stage.until_ready().await;
    let alice = stage.alice().await;
    stage.found(ALICE.username).await;
    let credentials = stage.chat.mint(&alice).await.expect("a token");
    let user = rc.live_tokens(ALICE.username);
    let own = rc.live_tokens(&rc.service_username());
    stage.chat.create_user(&ALICE).await.expect_err("taken");
    stage.chat.revoke(&credentials).await.expect("logged out");
    stage.rc.stop().await;
    stage
        .chat
        .user_by_name(ALICE.username)
        .await
        .expect_err("away");

    let ours: String = lines
        .text()
        .lines()
        .filter(|line| line.contains("gantry::") || line.contains("reqwest"))
        .collect();
    assert!(ours.contains("the service account logged in"), "{ours}");
    let secrets = user.iter().chain(&own).map(String::as_str);
    for secret in secrets.chain([
        password.as_str(),
        Options::SECRET,
        ALICE.username,
        ALICE.email,
        ALICE.name,
        &rc.service_username(),
    ]) {
        assert!(!ours.contains(secret), "{secret} in {ours}");
    }
}
