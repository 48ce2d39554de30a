//! Rocket.Chat in trouble while it answers people: what they are told, and that the next request is not harmed.

use std::time::Duration;

use bytes::Bytes;
use gantry::config::Config;
use lookalike::{Fault, FaultKind, Manner, Options};
use serde_json::json;

use crate::support::gateway::{Gateway, Settings, slug};
use crate::support::http::{http1, json as read, pieces, request};
use crate::support::socket::Socket;
use crate::support::switchboard::Switchboard;
use crate::support::world::World;

const ECHO: &str = "/api/v1/gantry-test.echo";

/// A person with a session at a Gantry that waits for an answer's head no longer than it must.
async fn warm(config: fn(&mut Config)) -> (Gateway, String) {
    let options = Options {
        rate_limiter: false,
        ..Options::new(Manner::V87)
    };
    let gateway = Gateway::with(Settings { options, config }).await;
    let token = gateway.issuer.token("alice");
    let answer = gateway.get("/api/v1/me", &token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    (gateway, token)
}

fn impatient(config: &mut Config) {
    config.rocketchat.timeouts.response_header = Duration::from_millis(300);
}

async fn check(kind: FaultKind, status: u16, expected: &str) {
    let (gateway, token) = warm(impatient).await;
    gateway.rc.fault(Fault::times(ECHO, 1, kind.clone()));
    let answer = gateway.post(ECHO, &token).body("{}").send().await.unwrap();
    assert_eq!(answer.status(), status, "{kind:?}");
    assert_eq!(slug(answer).await, expected, "{kind:?}");
    gateway
        .log
        .until_line(&["\"level\":\"ERROR\"", ECHO, expected])
        .await;
    assert_eq!(
        gateway
            .metric(&format!(
                "gantry_rejections_total{{problem=\"{expected}\"}}"
            ))
            .await,
        1.0
    );
    let next = gateway.post(ECHO, &token).body("{}").send().await.unwrap();
    assert_eq!(next.status(), 200, "{kind:?}");
    assert_eq!(gateway.rc.calls("POST", "/api/v1/users.createToken"), 1);
}

#[tokio::test]
async fn a_reset_connection_is_an_unreachable_rocketchat() {
    check(FaultKind::Reset, 502, "upstream-unreachable").await;
}

#[tokio::test]
async fn a_request_that_may_have_had_effect_is_not_repeated() {
    let (gateway, token) = warm(|_| ()).await;
    gateway
        .rc
        .fault(Fault::times(ECHO, 1, FaultKind::LoseAnswer));
    let answer = gateway.post(ECHO, &token).body("{}").send().await.unwrap();
    assert_eq!(slug(answer).await, "upstream-unreachable");
    assert_eq!(gateway.rc.calls("POST", ECHO), 1);
}

#[tokio::test]
async fn a_half_open_connection_is_a_slow_rocketchat() {
    check(FaultKind::HalfOpen, 504, "upstream-timeout").await;
}

#[tokio::test]
async fn an_answer_that_is_late_but_in_time_passes() {
    let (gateway, token) = warm(|_| ()).await;
    let delay = FaultKind::Delay(Duration::from_millis(300));
    gateway.rc.fault(Fault::times(ECHO, 1, delay));
    assert_eq!(
        gateway.get(ECHO, &token).send().await.unwrap().status(),
        200
    );
}

#[tokio::test]
async fn rocketchats_own_errors_pass_as_they_are() {
    let (gateway, token) = warm(|_| ()).await;
    for status in [500, 502, 503] {
        let page = format!("<h1>{status}</h1>");
        let kind = FaultKind::Status(status, page.clone());
        gateway.rc.fault(Fault::times(ECHO, 1, kind));
        let answer = gateway.get(ECHO, &token).send().await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["content-type"], "text/html");
        assert_eq!(answer.text().await.unwrap(), page);
    }
    gateway
        .log
        .until_line(&["\"level\":\"WARN\"", "503", ECHO])
        .await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_never_taken_for_a_whole_one() {
    let (gateway, token) = warm(|_| ()).await;
    gateway
        .rc
        .fault(Fault::times(ECHO, 1, FaultKind::DropAfterHeaders));
    let answer = gateway.get(ECHO, &token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().await.is_err());
    assert_eq!(
        gateway.get(ECHO, &token).send().await.unwrap().status(),
        200
    );
}

#[tokio::test]
async fn an_answer_that_must_be_scrubbed_and_breaks_off_is_not_passed_on() {
    let (gateway, token) = warm(|_| ()).await;
    gateway
        .rc
        .fault(Fault::times("/api/v1/me", 1, FaultKind::DropAfterHeaders));
    let answer = gateway.get("/api/v1/me", &token).send().await.unwrap();
    assert_eq!(answer.status(), 502);
    assert_eq!(slug(answer).await, "upstream-invalid");
}

#[tokio::test]
async fn what_is_no_http_is_an_unexpected_answer() {
    for garbage in [
        "SSH-2.0-OpenSSH_9.9\r\n\r\n",
        "HTTP/1.1 two hundred\r\n\r\n",
    ] {
        let world = World::plain().await;
        let mut rocketchat = Switchboard::before(&world.rc, ECHO).await;
        let gateway = world
            .gantry(|config, _| config.rocketchat.url = rocketchat.url())
            .await;
        let token = gateway.issuer.token("alice");
        let answering = async {
            let mut call = rocketchat.next().await;
            call.answer(garbage.as_bytes()).await;
            call
        };
        let (answer, _call) = tokio::join!(gateway.get(ECHO, &token).send(), answering);
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 502, "{garbage}");
        assert_eq!(slug(answer).await, "upstream-invalid", "{garbage}");
    }
}

#[tokio::test]
async fn an_upload_may_take_longer_than_an_answer() {
    let (gateway, token) = warm(|config| {
        config.rocketchat.timeouts.response_header = Duration::from_secs(1);
    })
    .await;
    let (sender, body) = pieces();
    let mut connection = http1(&gateway).await;
    let answering = connection.send_request(request(&gateway, ECHO, &token, body));
    let feeding = async {
        // A slow client, not a wait for something to happen.
        let mut pace = tokio::time::interval(Duration::from_millis(250));
        for _ in 0..12 {
            pace.tick().await;
            sender.send(Bytes::from_static(b"piece")).unwrap();
        }
        drop(sender);
    };
    let (answer, ()) = tokio::join!(answering, feeding);
    let (status, said) = read(answer.unwrap()).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(said["length"], json!(60));
}

#[tokio::test]
async fn a_client_that_goes_away_in_the_middle_is_no_fault_of_rocketchats() {
    let (gateway, token) = warm(|_| ()).await;
    let (sender, body) = pieces();
    sender.send(Bytes::from_static(b"the beginning")).unwrap();
    let mut connection = http1(&gateway).await;
    let answering = tokio::spawn(connection.send_request(request(&gateway, ECHO, &token, body)));
    gateway.rc.until_called("POST", ECHO, 1).await;
    answering.abort();
    drop((connection, sender));
    assert_eq!(
        gateway.get(ECHO, &token).send().await.unwrap().status(),
        200
    );
    gateway.log.until_line(&["\"GET\"", ECHO]).await;
    assert!(
        !gateway.log.text().contains("\"level\":\"ERROR\""),
        "{}",
        gateway.log.text()
    );
}

async fn upgrade(gateway: &Gateway, token: &str) -> reqwest::Response {
    let asked = gateway
        .get("/websocket", token)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    asked.send().await.unwrap()
}

#[tokio::test]
async fn upgrades_are_told_the_same() {
    for (kind, status, expected) in [
        (FaultKind::Reset, 502, "upstream-unreachable"),
        (FaultKind::HalfOpen, 504, "upstream-timeout"),
    ] {
        let (gateway, token) = warm(impatient).await;
        gateway
            .rc
            .fault(Fault::times("/websocket", 1, kind.clone()));
        let answer = upgrade(&gateway, &token).await;
        assert_eq!(answer.status(), status, "{kind:?}");
        assert_eq!(slug(answer).await, expected, "{kind:?}");
        let mut next = Socket::open(&gateway, &token).await;
        next.connect_ddp().await;
    }
}

#[tokio::test]
async fn an_upgrade_to_a_rocketchat_that_is_away_is_told_so() {
    let (gateway, token) = warm(|_| ()).await;
    gateway.rc.stop().await;
    let answer = upgrade(&gateway, &token).await;
    assert_eq!(answer.status(), 502);
    assert_eq!(slug(answer).await, "upstream-unreachable");
}

#[tokio::test]
async fn a_restarted_rocketchat_is_found_again_at_once() {
    let (gateway, token) = warm(|_| ()).await;
    for _ in 0..3 {
        gateway.rc.restart().await.unwrap();
        let answer = gateway.post(ECHO, &token).body("{}").send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
}
