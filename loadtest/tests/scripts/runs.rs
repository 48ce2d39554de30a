//! What each script does to Gantry and Rocket.Chat, and what it says when they fall short.

use lookalike::{Fault, FaultKind};

use crate::stage::{Stage, key, told};

const USERS: [&str; 5] = ["load-1", "load-2", "load-3", "load-4", "load-5"];

/// k6's exit code when a threshold was missed.
const MISSED: i32 = 99;

fn logins(texts: &[Vec<String>]) -> usize {
    let login = |text: &&String| text.contains(r#""method":"login""#);
    texts.iter().flatten().filter(login).count()
}

#[tokio::test]
async fn the_rest_script_reads_as_everybody_and_is_content() {
    let stage = Stage::new().await;

    let run = stage
        .k6("rest.js", &[("RATE", "20"), ("DURATION", "2")])
        .await;

    assert!(run.status.success(), "{}", told(&run));
    for user in USERS {
        assert_eq!(stage.rc.live_tokens(user).len(), 1, "{user}");
    }
    for path in ["me", "subscriptions.get", "rooms.get", "channels.messages"] {
        assert!(
            stage.rc.calls("GET", &format!("/api/v1/{path}")) > 5,
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_rest_script_fails_when_answers_do() {
    let stage = Stage::new().await;
    stage.rc.fault(Fault::always(
        "/api/v1/rooms.get",
        FaultKind::Status(500, String::new()),
    ));

    let run = stage
        .k6("rest.js", &[("RATE", "20"), ("DURATION", "2")])
        .await;

    assert_eq!(run.status.code(), Some(MISSED), "{}", told(&run));
}

#[tokio::test]
async fn the_rest_script_fails_when_answers_are_slow() {
    let stage = Stage::new().await;

    let slow = [("RATE", "10"), ("DURATION", "1"), ("P99_MS", "1")];
    stage.rc.fault(Fault::always(
        "/api/v1/rooms.get",
        FaultKind::Delay(std::time::Duration::from_millis(50)),
    ));
    let run = stage.k6("rest.js", &slow).await;

    assert_eq!(run.status.code(), Some(MISSED), "{}", told(&run));
}

#[tokio::test]
async fn the_sockets_script_holds_a_socket_for_everybody_and_is_content() {
    let stage = Stage::new().await;

    let load = [
        ("SOCKETS", "10"),
        ("RAMP", "1"),
        ("DURATION", "2"),
        ("EVERY", "1"),
    ];
    let run = stage.k6("sockets.js", &load).await;

    assert!(run.status.success(), "{}", told(&run));
    let texts = stage.rc.socket_texts();
    assert_eq!(logins(&texts), 10, "{texts:?}");
    let pings = texts
        .iter()
        .flatten()
        .filter(|text| text.contains(r#""ping""#));
    assert!(pings.count() >= 10, "{texts:?}");
    let notified = texts
        .iter()
        .flatten()
        .filter(|text| text.contains("/notification"));
    assert_eq!(notified.count(), 10, "{texts:?}");
}

#[tokio::test]
async fn the_sockets_script_fails_when_logins_are_refused() {
    let stage = Stage::new().await;
    key(
        &stage.path("foreign.pem"),
        &stage.path("foreign-public.pem"),
    )
    .await;
    stage.tokens(&stage.path("foreign.pem")).await;

    let load = [("SOCKETS", "2"), ("RAMP", "1"), ("DURATION", "1")];
    let run = stage.k6("sockets.js", &load).await;

    assert_eq!(run.status.code(), Some(MISSED), "{}", told(&run));
    assert!(
        told(&run).contains("the login was refused"),
        "{}",
        told(&run)
    );
}

#[tokio::test]
async fn the_storm_script_brings_everybody_once_and_is_content() {
    let stage = Stage::new().await;

    let load = [("WITHIN", "2"), ("STAY", "1"), ("P99_FIRST_MS", "60000")];
    let run = stage.k6("storm.js", &load).await;

    assert!(run.status.success(), "{}", told(&run));
    assert_eq!(stage.rc.created_users().len(), USERS.len());
    // Gantry's own look at its service account is not somebody's arrival.
    let own = stage.rc.service_user_id();
    let received = stage.rc.requests();
    let arrivals = received
        .iter()
        .filter(|one| one.path == "/api/v1/me" && one.header("x-user-id") != Some(&own));
    assert_eq!(arrivals.count(), USERS.len());
    for user in USERS {
        assert_eq!(stage.rc.live_tokens(user).len(), 1, "{user}");
    }
    assert_eq!(logins(&stage.rc.socket_texts()), USERS.len());
}

#[tokio::test]
async fn the_storm_script_fails_when_somebody_does_not_get_in() {
    let stage = Stage::new().await;
    stage.rc.fault(Fault::times(
        "/api/v1/users.create",
        1,
        FaultKind::Status(403, String::new()),
    ));

    let run = stage
        .k6("storm.js", &[("WITHIN", "1"), ("STAY", "1")])
        .await;

    assert_eq!(run.status.code(), Some(MISSED), "{}", told(&run));
}

#[tokio::test]
async fn wrk_reads_as_everybody_and_counts_what_went_wrong() {
    let stage = Stage::new().await;
    let url = stage.url();

    let good = stage.wrk(&url, "").await;
    let read = stage.rc.calls("GET", "/api/v1/rooms.get");
    stage.rc.fault(Fault::always(
        "/api/v1/rooms.get",
        FaultKind::Status(500, String::new()),
    ));
    let bad = stage.wrk(&url, "").await;

    assert!(good.status.success(), "{}", told(&good));
    assert!(
        told(&good).contains(" 0 of them other than 200"),
        "{}",
        told(&good)
    );
    assert!(read > 0);
    for user in USERS {
        assert_eq!(stage.rc.live_tokens(user).len(), 1, "{user}");
    }
    assert_eq!(bad.status.code(), Some(1), "{}", told(&bad));
}
