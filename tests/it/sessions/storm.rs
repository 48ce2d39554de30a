//! Everything at once: whatever order things happen in, no auth token is left without a session or a logout.

use std::time::Duration;

use gantry::session::{EndCause, Rules};
use lookalike::{Fault, FaultKind, Options};

use crate::sessions::stage::{Settings, Stage};
use crate::support::eventually::in_time;

const PRINCIPALS: usize = 5;
const ROUNDS: usize = 40;

/// A stage whose Rocket.Chat counts no logouts, since the storm makes hundreds.
async fn stage() -> Stage {
    Stage::with(Settings {
        options: Options {
            rate_limiter: false,
            ..Options::default()
        },
        rules: |rules: &mut Rules| {
            rules.sessions.max_per_principal = 2;
            rules.sessions.logout_on_shutdown = true;
        },
        ..Settings::default()
    })
    .await
}

/// One client that does a little of everything, in an order of its own.
async fn client(stage: &Stage, number: usize) {
    let name = format!("user{}", number % PRINCIPALS);
    for round in 0..ROUNDS {
        let choice = (number * 7 + round * 5) % 11;
        let token = stage.token(&name, &format!("tab {}", choice % 3)).await;
        let admitted = stage.sessions.admit(&token).await;
        match (choice, admitted) {
            (0 | 1, Ok(_)) => {
                stage.sessions.release(&token, EndCause::Release);
            }
            (2, Ok(_)) => {
                stage.sessions.logout(&token);
            }
            (3 | 4, Ok(admitted)) => {
                let _either = stage.sessions.reject(&admitted).await;
            }
            (5, _) => stage.hand.advance(Duration::from_secs(1)),
            (6, Ok(admitted)) => {
                stage.sessions.end(&admitted.session, EndCause::Displaced);
            }
            (_, _) => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_storm_every_token_was_logged_out() {
    let stage = stage().await;
    for path in ["/api/v1/logout", "/api/v1/users.info"] {
        stage.rc.fault(Fault::times(
            path,
            20,
            FaultKind::Status(502, String::new()),
        ));
    }
    let clients = (0..12).map(|number| client(&stage, number));
    let stormed = tokio::time::timeout(Duration::from_secs(60), join_all(clients)).await;
    assert!(stormed.is_ok(), "the storm never ended");
    let draining = tokio::spawn({
        let sessions = stage.sessions.clone();
        async move { sessions.drain(Duration::from_secs(3600)).await }
    });
    in_time(
        "all is drained",
        &stage.hand,
        Duration::from_secs(1),
        || draining.is_finished(),
    )
    .await;
    for number in 0..PRINCIPALS {
        let name = format!("user{number}");
        assert!(
            stage.rc.live_tokens(&name).is_empty(),
            "{name} has tokens left"
        );
    }
    assert!(
        stage.mintings() > 50,
        "only {} were minted",
        stage.mintings()
    );
    assert_eq!(stage.creations(), PRINCIPALS);
    assert_eq!(stage.sample("gantry_sessions"), 0);
    assert_eq!(stage.sample("gantry_owed_logouts"), 0);
}

/// Drives all of them, a step of each in turn.
async fn join_all(clients: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut clients: Vec<_> = clients.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        clients.retain_mut(|client| client.as_mut().poll(context).is_pending());
        if clients.is_empty() {
            return std::task::Poll::Ready(());
        }
        std::task::Poll::Pending
    })
    .await;
}
