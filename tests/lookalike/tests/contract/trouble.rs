//! The lookalike's own face: faults on demand, what it remembers, stopping and starting again.

use std::time::Duration;

use lookalike::{Fault, FaultKind, Latch, Manner, NewUser, Options};
use serde_json::json;

use crate::support::{RequestExt as _, Workspace};

async fn workspace() -> Workspace {
    let workspace = Workspace::of(Manner::V87).await;
    workspace
        .rc
        .set_setting("API_Enable_Rate_Limiter", json!(false));
    workspace
}

#[tokio::test]
async fn a_status_fault_meets_so_many_requests_below_its_prefix() {
    let workspace = workspace().await;
    let kind = FaultKind::Status(502, "<html>bad gateway</html>".to_owned());
    workspace.rc.fault(Fault::times("/api/v1/", 2, kind));
    let status = async |path: &str| workspace.get(path).answer().await.status.as_u16();
    assert_eq!(status("/api/info").await, 200);
    assert_eq!(status("/api/v1/settings.public").await, 502);
    assert_eq!(status("/api/v1/settings.public").await, 502);
    assert_eq!(status("/api/v1/settings.public").await, 200);
}

#[tokio::test]
async fn a_rate_limit_fault_names_its_absolute_reset() {
    let workspace = workspace().await;
    let kind = FaultKind::RateLimited {
        reset_in: Duration::from_secs(37),
    };
    workspace.rc.fault(Fault::always("/api/info", kind));
    let refused = workspace.get("/api/info").answer().await;
    assert!(
        refused.with(429)["error"]
            .as_str()
            .unwrap()
            .contains("wait 37 seconds")
    );
    assert!(refused.header("x-ratelimit-reset").is_some());
    workspace.rc.clear_faults();
    workspace.get("/api/info").answer().await.with(200);
}

#[tokio::test]
async fn a_reset_and_a_cut_answer_are_errors_to_the_client() {
    let workspace = workspace().await;
    workspace
        .rc
        .fault(Fault::times("/api/info", 1, FaultKind::DropAfterHeaders));
    let response = workspace.get("/api/info").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err());
    workspace
        .rc
        .fault(Fault::always("/api/info", FaultKind::Reset));
    assert!(workspace.get("/api/info").send().await.is_err());
}

#[tokio::test]
async fn a_held_request_has_no_effect_until_its_latch_opens() {
    let workspace = workspace().await;
    let latch = Latch::new();
    workspace.rc.fault(Fault::always(
        "/api/v1/logout",
        FaultKind::Hold(latch.clone()),
    ));
    let service = workspace.service();
    let logout = workspace.post("/api/v1/logout", &json!({})).by(&service);
    let (answer, ()) = tokio::join!(logout.answer(), async {
        latch.until_arrived(1).await;
        workspace
            .get("/api/v1/me")
            .by(&service)
            .answer()
            .await
            .with(200);
        latch.open();
    });
    answer.with(200);
    workspace
        .get("/api/v1/me")
        .by(&service)
        .answer()
        .await
        .with(401);
}

#[tokio::test]
async fn a_lost_answer_had_its_effect() {
    let workspace = workspace().await;
    workspace
        .rc
        .fault(Fault::always("/api/v1/logout", FaultKind::LoseAnswer));
    let logout = workspace
        .post("/api/v1/logout", &json!({}))
        .by(&workspace.service());
    assert!(logout.send().await.is_err());
    workspace
        .get("/api/v1/me")
        .by(&workspace.service())
        .answer()
        .await
        .with(401);
}

#[tokio::test]
async fn a_held_answer_had_its_effect_before() {
    let workspace = workspace().await;
    let latch = Latch::new();
    workspace.rc.fault(Fault::always(
        "/api/v1/logout",
        FaultKind::HoldAnswer(latch.clone()),
    ));
    let service = workspace.service();
    let logout = workspace.post("/api/v1/logout", &json!({})).by(&service);
    let (answer, ()) = tokio::join!(logout.answer(), async {
        latch.until_arrived(1).await;
        workspace
            .get("/api/v1/me")
            .by(&service)
            .answer()
            .await
            .with(401);
        latch.open();
    });
    answer.with(200);
}

#[tokio::test]
async fn a_half_open_request_ends_with_the_listener() {
    let workspace = workspace().await;
    workspace
        .rc
        .fault(Fault::always("/api/info", FaultKind::HalfOpen));
    let (answer, ()) = tokio::join!(workspace.get("/api/info").send(), async {
        workspace.rc.until_called("GET", "/api/info", 1).await;
        workspace.rc.stop().await;
    });
    assert!(answer.is_err());
}

#[tokio::test]
async fn a_restart_keeps_port_and_state() {
    let workspace = workspace().await;
    workspace.rc.add_user(NewUser::new("alice"));
    let service = workspace.service();
    workspace.rc.stop().await;
    assert!(
        workspace
            .get("/api/info")
            .send()
            .await
            .unwrap_err()
            .is_connect()
    );
    workspace.rc.restart().await.unwrap();
    workspace
        .get("/api/v1/users.info?username=alice")
        .by(&service)
        .answer()
        .await
        .with(200);
}

#[tokio::test]
async fn requests_are_remembered_with_their_bodies() {
    let workspace = workspace().await;
    let body = json!({"user": "a", "password": "b"});
    let request = workspace
        .post("/api/v1/login?x=1", &body)
        .header("X-Mark", "one");
    request.header("X-Mark", "two").answer().await.with(401);
    let received = workspace.rc.requests().pop().unwrap();
    assert_eq!(
        (received.method.as_str(), received.path.as_str()),
        ("POST", "/api/v1/login")
    );
    assert_eq!(received.query.as_deref(), Some("x=1"));
    assert_eq!(received.header_values("x-mark"), ["one", "two"]);
    assert_eq!(received.body, body.to_string());
    assert!(!received.upgrade);
    assert_eq!(workspace.rc.calls("POST", "/api/v1/login"), 1);
    workspace.rc.forget_requests();
    assert_eq!(workspace.rc.calls("POST", "/api/v1/login"), 0);
    workspace.rc.set_recording(false);
    workspace.get("/api/info").answer().await;
    assert!(workspace.rc.requests().is_empty());
}

#[tokio::test]
async fn a_thousand_users_ask_at_once() {
    let workspace = Workspace::start(Options {
        rate_limiter: false,
        ..Options::default()
    })
    .await;
    for n in 0..1000 {
        workspace.rc.add_user(NewUser::new(&format!("user{n}")));
    }
    let service = workspace.service();
    let asks = (0..1000).map(|n| {
        workspace
            .get(&format!("/api/v1/users.info?username=user{n}"))
            .by(&service)
            .answer()
    });
    let answers = futures_util::future::join_all(asks).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
}

#[tokio::test]
async fn the_stream_route_sends_what_was_asked_for() {
    let workspace = workspace().await;
    let path = "/api/v1/gantry-test.stream?chunks=3&size=5";
    let answer = workspace.get(path).by(&workspace.service()).answer().await;
    assert_eq!(answer.text, "x".repeat(15));
}

#[tokio::test]
async fn every_token_stands_in_the_file_before_anybody_is_answered_it() {
    let path = std::env::temp_dir().join(format!("lookalike-tokens-{}", std::process::id()));
    let options = Options {
        tokens_file: Some(path.clone()),
        ..Options::default()
    };
    let workspace = Workspace::with_people(options).await;
    let alice = workspace.log_in("alice").await;
    let file = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let tokens: Vec<&str> = file.lines().collect();
    assert_eq!(tokens, [workspace.rc.service_token(), alice.token]);
}
