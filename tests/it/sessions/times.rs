//! Ends by time: idleness, maximum life, the JWT's expiry, the last socket.

use std::time::Duration;

use gantry::session::{Admitted, EndCause, ExchangeError};

use crate::sessions::stage::{DAY, ISSUER, Stage, TOKEN_LIFE};
use crate::support::eventually::eventually;

use serde_json::json;

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

async fn until_ended(stage: &Stage, admitted: &Admitted, cause: EndCause) {
    eventually("the session ended", || admitted.session.ended()).await;
    let name = format!(
        "gantry_credentials_revoked_total{{cause=\"{}\",result=\"ok\"}}",
        cause.name()
    );
    eventually("it is logged out at Rocket.Chat", || {
        stage.sample(&name) == 1
    })
    .await;
}

/// Gives the sweeper every chance to do what it should not do.
async fn after_a_sweep(stage: &Stage) {
    // A session that is due now was put in after whatever else was due, so once it is gone all others were looked at.
    let token = stage
        .token_of(ISSUER, "canary", "tab", json!({"exp": exp(stage, SECOND)}))
        .await;
    let canary = stage.sessions.admit(&token).await.expect("a session");
    stage.hand.advance(31 * SECOND);
    eventually("the sweeper came by", || canary.session.ended()).await;
}

fn exp(stage: &Stage, life: Duration) -> u64 {
    gantry::clock::unix_seconds(stage.clock.now() + life)
}

#[tokio::test]
async fn an_unused_session_ends() {
    let stage = Stage::ruled(|rules| rules.sessions.idle_timeout = HOUR / 4).await;
    let token = stage.token("alice", "tab").await;
    let admitted = stage.sessions.admit(&token).await.expect("a session");
    stage.hand.advance(HOUR / 4 - SECOND);
    assert!(stage.sessions.known(&token).is_some());
    stage.hand.advance(HOUR / 4 - SECOND);
    assert!(stage.sessions.known(&token).is_some());
    stage.hand.advance(HOUR / 4);
    until_ended(&stage, &admitted, EndCause::Idle).await;
}

#[tokio::test]
async fn an_open_socket_is_use() {
    let stage = Stage::ruled(|rules| rules.sessions.idle_timeout = HOUR / 4).await;
    let admitted = stage.admitted("alice", "tab").await;
    let socket = stage.sessions.bind_socket(&admitted);
    stage.hand.advance(HOUR / 2);
    after_a_sweep(&stage).await;
    assert!(!admitted.session.ended());
    drop(socket);
    stage.hand.advance(HOUR / 4);
    until_ended(&stage, &admitted, EndCause::Idle).await;
}

#[tokio::test]
async fn a_session_ends_when_its_token_expired_and_the_grace_passed() {
    let stage = Stage::new().await;
    let admitted = stage.admitted("alice", "tab").await;
    let socket = stage.sessions.bind_socket(&admitted);
    stage.hand.advance(TOKEN_LIFE + 25 * SECOND);
    assert!(!admitted.session.ended());
    stage.hand.advance(6 * SECOND);
    until_ended(&stage, &admitted, EndCause::Expired).await;
    socket.end().await;
}

#[tokio::test]
async fn a_newer_token_extends_the_session_and_keeps_its_socket_open() {
    let stage = Stage::new().await;
    let admitted = stage.admitted("alice", "tab").await;
    let _socket = stage.sessions.bind_socket(&admitted);
    stage.hand.advance(TOKEN_LIFE - SECOND);
    let newer = stage.token("alice", "tab").await;
    assert!(stage.sessions.known(&newer).is_some());
    stage.hand.advance(TOKEN_LIFE / 2);
    after_a_sweep(&stage).await;
    assert!(!admitted.session.ended());
}

#[tokio::test]
async fn an_older_token_never_shortens_the_session() {
    let stage = Stage::new().await;
    let short = stage
        .token_of(
            ISSUER,
            "alice",
            "tab",
            json!({"exp": exp(&stage, HOUR / 2)}),
        )
        .await;
    let admitted = stage.admitted("alice", "tab").await;
    assert!(stage.sessions.known(&short).is_some());
    stage.hand.advance(HOUR / 2 + 31 * SECOND);
    after_a_sweep(&stage).await;
    assert!(!admitted.session.ended());
}

#[tokio::test]
async fn a_token_past_its_expiry_and_grace_begins_nothing() {
    let stage = Stage::ruled(|rules| rules.sessions.grace = Duration::ZERO).await;
    let token = stage.token("alice", "tab").await;
    stage.hand.advance(TOKEN_LIFE + SECOND);
    let refused = stage.sessions.admit(&token).await;
    assert!(
        matches!(refused, Err(ExchangeError::Expired)),
        "{refused:?}"
    );
    assert!(stage.rc.requests().is_empty());
}

#[tokio::test]
async fn a_session_ends_at_its_maximum_life_however_much_it_is_used() {
    let stage = Stage::ruled(|rules| rules.sessions.max_lifetime = DAY).await;
    let claims = json!({"exp": exp(&stage, 10 * DAY)});
    let token = stage.token_of(ISSUER, "alice", "tab", claims).await;
    let admitted = stage.sessions.admit(&token).await.expect("a session");
    for _ in 0..5 {
        stage.hand.advance(DAY / 6);
        assert!(stage.sessions.known(&token).is_some());
    }
    stage.hand.advance(DAY / 6);
    assert!(stage.sessions.known(&token).is_none());
    until_ended(&stage, &admitted, EndCause::MaxLifetime).await;
    let again = stage.sessions.admit(&token).await.expect("a new session");
    assert_ne!(again.session.id(), admitted.session.id());
}

#[tokio::test]
async fn the_last_socket_ends_the_session_after_its_delay() {
    let stage = Stage::ruled(|rules| rules.sessions.end_on_last_socket = Some(60 * SECOND)).await;
    let admitted = stage.admitted("alice", "tab").await;
    let (first, second) = (
        stage.sessions.bind_socket(&admitted),
        stage.sessions.bind_socket(&admitted),
    );
    drop(first);
    stage.hand.advance(61 * SECOND);
    after_a_sweep(&stage).await;
    assert!(!admitted.session.ended());
    drop(second);
    stage.hand.advance(30 * SECOND);
    let reconnected = stage.sessions.bind_socket(&admitted);
    stage.hand.advance(40 * SECOND);
    after_a_sweep(&stage).await;
    assert!(!admitted.session.ended());
    drop(reconnected);
    stage.hand.advance(60 * SECOND);
    until_ended(&stage, &admitted, EndCause::LastSocket).await;
}
