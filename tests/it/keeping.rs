//! Keeping credentials good: ahead of their expiry, and after Rocket.Chat refused them; and what is no reason to.

use std::time::Duration;

use gantry::config::Config;
use lookalike::{Fault, FaultKind, Latch, Manner, Options};
use serde_json::{Value, json};

use crate::support::eventually::{eventually, in_time};
use crate::support::gateway::{Gateway, Settings, slug};

const CREATE_TOKEN: &str = "/api/v1/users.createToken";
const ECHO: &str = "/api/v1/gantry-test.echo";
const HOUR: Duration = Duration::from_secs(3600);

async fn status(gateway: &Gateway, path: &str, token: &str) -> u16 {
    let answer = gateway.get(path, token).send().await.unwrap();
    answer.status().as_u16()
}

/// Rocket.Chat's tokens last a day, and sessions longer than that.
async fn daily() -> (Gateway, String) {
    let options = Options {
        rate_limiter: false,
        login_expiration_days: 1.0,
        ..Options::new(Manner::V87)
    };
    let config = |config: &mut Config| {
        config.sessions.idle_timeout = 72 * HOUR;
    };
    let gateway = Gateway::with(Settings { options, config }).await;
    let later = gantry::clock::unix_seconds(gateway.clock.now()) + 3 * 86_400;
    // Without `iat` its `exp` alone bounds it.
    let token = gateway
        .issuer
        .token_with("alice", json!({ "iat": null, "exp": later }));
    assert_eq!(status(&gateway, ECHO, &token).await, 200);
    (gateway, token)
}

#[tokio::test]
async fn credentials_are_replaced_ahead_of_their_expiry_and_the_old_ones_logged_out() {
    let (gateway, token) = daily().await;
    let old = gateway.rc.live_tokens("alice");
    gateway.hand.advance(19 * HOUR);
    assert_eq!(status(&gateway, ECHO, &token).await, 200);
    assert_eq!(gateway.rc.calls("POST", CREATE_TOKEN), 1);
    gateway.hand.advance(HOUR);
    eventually("a second token is made", || {
        gateway.rc.calls("POST", CREATE_TOKEN) == 2
    })
    .await;
    in_time(
        "the old token is gone",
        &gateway.hand,
        Duration::from_secs(1),
        || {
            let live = gateway.rc.live_tokens("alice");
            live.len() == 1 && live != old
        },
    )
    .await;
    assert_eq!(status(&gateway, ECHO, &token).await, 200);
    assert_eq!(gateway.metric("gantry_sessions").await, 1.0);
}

#[tokio::test]
async fn a_token_that_expired_while_rocketchat_was_away_is_replaced_before_its_next_use() {
    let (gateway, token) = daily().await;
    gateway.rc.stop().await;
    gateway.hand.advance(25 * HOUR);
    gateway.rc.advance(25 * HOUR);
    gateway
        .log
        .until_line(&["could not be refreshed ahead of their expiry"])
        .await;
    gateway.rc.restart().await.unwrap();
    gateway.rc.forget_requests();
    assert_eq!(status(&gateway, ECHO, &token).await, 200);
    // The expired one was not tried.
    assert_eq!(gateway.rc.calls("GET", ECHO), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_requests_are_refused_one_refresh_serves_them_all() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    assert_eq!(status(&gateway, ECHO, &token).await, 200);
    let latch = Latch::new();
    gateway
        .rc
        .fault(Fault::times(ECHO, 40, FaultKind::Hold(latch.clone())));
    let asked = (0..40).map(|_| status(&gateway, ECHO, &token));
    let kill = async {
        // All of them are there with the old token when it dies.
        latch.until_arrived(40).await;
        gateway.rc.kill_tokens("alice");
        latch.open();
    };
    let (answered, ()) = tokio::join!(futures_util::future::join_all(asked), kill);
    assert_eq!(answered, vec![200; 40]);
    assert_eq!(gateway.rc.calls("GET", ECHO), 1 + 40 + 40);
    assert_eq!(gateway.rc.calls("POST", CREATE_TOKEN), 2);
    assert_eq!(gateway.rc.live_tokens("alice").len(), 1);
    assert_eq!(
        gateway
            .metric("gantry_credentials_refreshed_total{result=\"ok\"}")
            .await,
        1.0
    );
}

#[tokio::test]
async fn nothing_but_a_401_is_a_reason_to_refresh() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    assert_eq!(status(&gateway, ECHO, &token).await, 200);
    for code in [400, 403, 404, 429, 500, 502] {
        let body = format!(r#"{{"success":false,"error":"fault {code}"}}"#);
        let kind = FaultKind::Status(code, body.clone());
        gateway.rc.fault(Fault::times(ECHO, 1, kind));
        let answer = gateway.get(ECHO, &token).send().await.unwrap();
        assert_eq!(answer.status(), code);
        assert_eq!(answer.headers()["content-type"], "application/json");
        assert_eq!(answer.text().await.unwrap(), body);
    }
    let slow = FaultKind::RateLimited {
        reset_in: Duration::from_secs(37),
    };
    gateway.rc.fault(Fault::times(ECHO, 1, slow));
    let answer = gateway.get(ECHO, &token).send().await.unwrap();
    assert_eq!(answer.status(), 429);
    assert!(answer.headers().contains_key("x-ratelimit-reset"));
    assert_eq!(gateway.rc.calls("POST", CREATE_TOKEN), 1);
    assert_eq!(gateway.rc.calls("GET", ECHO), 1 + 7);
}

#[tokio::test]
async fn a_second_401_is_passed_on_as_rocketchat_said_it() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    assert_eq!(status(&gateway, ECHO, &token).await, 200);
    // Younger ones would only be asked about once more.
    gateway.hand.advance(Duration::from_secs(60));
    let body =
        r#"{"success":false,"status":"error","message":"You must be logged in to do this."}"#;
    gateway.rc.fault(Fault::times(
        ECHO,
        2,
        FaultKind::Status(401, body.to_owned()),
    ));
    let answer = gateway.get(ECHO, &token).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.text().await.unwrap(), body);
    assert_eq!(gateway.rc.calls("GET", ECHO), 3);
    assert_eq!(gateway.rc.calls("POST", CREATE_TOKEN), 2);
    assert_eq!(status(&gateway, ECHO, &token).await, 200);
}

#[tokio::test]
async fn a_user_who_was_deactivated_meanwhile_gets_no_new_token() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    assert_eq!(status(&gateway, ECHO, &token).await, 200);
    gateway.rc.set_active("alice", false);
    let answer = gateway.get(ECHO, &token).send().await.unwrap();
    assert_eq!(answer.status(), 403);
    assert_eq!(slug(answer).await, "not-permitted");
    assert_eq!(gateway.rc.calls("POST", CREATE_TOKEN), 1);
    assert_eq!(gateway.metric("gantry_sessions").await, 0.0);
    gateway.rc.set_active("alice", true);
    assert_eq!(status(&gateway, ECHO, &token).await, 200);
}

#[tokio::test]
async fn a_refresh_that_fails_is_told_as_what_it_is() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    assert_eq!(status(&gateway, ECHO, &token).await, 200);
    gateway.rc.kill_tokens("alice");
    gateway.rc.fault(Fault::always(
        CREATE_TOKEN,
        FaultKind::Status(500, "{}".to_owned()),
    ));
    let answer = gateway.get(ECHO, &token).send().await.unwrap();
    assert_eq!(answer.status(), 502);
    assert_eq!(slug(answer).await, "upstream-invalid");
    gateway.rc.clear_faults();
    let answer: Value = gateway
        .get(ECHO, &token)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(answer["username"], "alice");
}
