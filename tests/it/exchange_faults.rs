//! Gantry's own calls in trouble while somebody waits for a session: each has its answer, its log line, and leaves nothing behind.

use std::time::Duration;

use gantry::config::Config;
use gantry::secret::Secret;
use lookalike::{CreateToken, Fault, FaultKind, Manner, NewUser, Options};
use serde_json::json;

use crate::support::gateway::{Gateway, Settings, slug};
use crate::support::world::World;

const ECHO: &str = "/api/v1/gantry-test.echo";
const INFO: &str = "/api/v1/users.info";
const CREATE: &str = "/api/v1/users.create";
const CREATE_TOKEN: &str = "/api/v1/users.createToken";

async fn with(options: Options, config: fn(&mut Config)) -> Gateway {
    let options = Options {
        rate_limiter: false,
        ..options
    };
    Gateway::with(Settings { options, config }).await
}

async fn first_request(gateway: &Gateway, name: &str) -> (u16, String) {
    let token = gateway.issuer.token(name);
    let answer = gateway.get(ECHO, &token).send().await.unwrap();
    let status = answer.status().as_u16();
    if status == 200 {
        return (status, String::new());
    }
    (status, slug(answer).await)
}

async fn check(kind: &FaultKind, status: u16, expected: &str) {
    for path in [INFO, CREATE, CREATE_TOKEN] {
        let gateway = with(Options::new(Manner::V87), |config| {
            config.rocketchat.timeouts.call = Duration::from_millis(300);
        })
        .await;
        gateway.rc.fault(Fault::always(path, kind.clone()));
        let told = first_request(&gateway, "alice").await;
        assert_eq!(told, (status, expected.to_owned()), "{path} with {kind:?}");
        gateway
            .log
            .until_line(&["\"level\":\"ERROR\"", ECHO, "exchange failed"])
            .await;
        gateway.rc.clear_faults();
        let healed = first_request(&gateway, "alice").await;
        assert_eq!(
            healed.0,
            200,
            "{path} with {kind:?}: {}",
            gateway.log.text()
        );
        assert_eq!(gateway.rc.created_users().len(), 1);
        gateway.until_live_tokens("alice", 1).await;
    }
}

#[tokio::test]
async fn a_reset_call_is_an_unreachable_rocketchat() {
    check(&FaultKind::Reset, 502, "upstream-unreachable").await;
}

#[tokio::test]
async fn a_half_open_call_is_a_slow_rocketchat() {
    check(&FaultKind::HalfOpen, 504, "upstream-timeout").await;
}

#[tokio::test]
async fn a_failed_call_is_an_unexpected_answer() {
    check(
        &FaultKind::Status(500, "{}".to_owned()),
        502,
        "upstream-invalid",
    )
    .await;
    check(
        &FaultKind::Status(502, "<html>".to_owned()),
        502,
        "upstream-invalid",
    )
    .await;
}

#[tokio::test]
async fn a_page_instead_of_an_answer_is_an_unexpected_answer() {
    check(
        &FaultKind::Status(200, "<html>".to_owned()),
        502,
        "upstream-invalid",
    )
    .await;
}

#[tokio::test]
async fn a_slow_call_within_its_time_is_waited_for() {
    let gateway = Gateway::start().await;
    for path in [INFO, CREATE, CREATE_TOKEN] {
        let slow = FaultKind::Delay(Duration::from_millis(50));
        gateway.rc.fault(Fault::times(path, 1, slow));
    }
    assert_eq!(first_request(&gateway, "alice").await.0, 200);
}

#[tokio::test]
async fn a_creation_whose_answer_was_lost_makes_no_second_user() {
    let gateway = Gateway::start().await;
    gateway
        .rc
        .fault(Fault::times(CREATE, 1, FaultKind::LoseAnswer));
    assert_eq!(first_request(&gateway, "alice").await.0, 200);
    assert_eq!(gateway.rc.calls("POST", CREATE), 1);
    assert_eq!(gateway.rc.created_users().len(), 1);
}

#[tokio::test]
async fn a_rate_limit_is_told_with_its_time_and_obeyed() {
    let gateway = Gateway::start().await;
    let limited = FaultKind::RateLimited {
        reset_in: Duration::from_secs(120),
    };
    gateway.rc.fault(Fault::always(CREATE_TOKEN, limited));
    let token = gateway.issuer.token("alice");
    let answer = gateway.get(ECHO, &token).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    let wait: u64 = answer.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((100..=121).contains(&wait), "{wait}");
    assert_eq!(slug(answer).await, "overloaded");
    let calls = gateway.rc.calls("POST", CREATE_TOKEN);
    assert_eq!(first_request(&gateway, "alice").await.0, 503);
    assert_eq!(gateway.rc.calls("POST", CREATE_TOKEN), calls);
    gateway.rc.clear_faults();
    gateway.hand.advance(Duration::from_secs(122));
    assert_eq!(first_request(&gateway, "alice").await.0, 200);
}

#[tokio::test]
async fn past_the_queue_people_are_asked_to_come_again() {
    let gateway = Gateway::configured(|config| {
        config.rocketchat.minting.concurrency = 1;
        config.rocketchat.minting.queue = 0;
    })
    .await;
    let latch = lookalike::Latch::new();
    gateway
        .rc
        .fault(Fault::times(INFO, 1, FaultKind::Hold(latch.clone())));
    let token = gateway.issuer.token("alice");
    let first = tokio::spawn(gateway.get(ECHO, &token).send());
    latch.until_arrived(1).await;
    let answer = gateway
        .get(ECHO, &gateway.issuer.token("bob"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    assert_eq!(slug(answer).await, "overloaded");
    latch.open();
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn a_wrong_create_token_secret_is_told_to_the_operator() {
    let gateway = with(Options::new(Manner::V87), |config| {
        config.rocketchat.create_token_secret = Some(Secret::new("not-the-one".to_owned()));
    })
    .await;
    assert_eq!(
        first_request(&gateway, "alice").await,
        (502, "upstream-refused".to_owned())
    );
    gateway
        .log
        .until_line(&[
            "\"level\":\"ERROR\"",
            "create_token_secret",
            "CREATE_TOKENS_FOR_USERS_SECRET",
        ])
        .await;
    assert!(!gateway.log.text().contains("not-the-one"));
    assert!(gateway.rc.live_tokens("alice").is_empty());
}

#[tokio::test]
async fn a_rocketchat_that_makes_no_tokens_is_told_to_the_operator() {
    let options = Options {
        create_token: CreateToken::Off,
        ..Options::new(Manner::V7)
    };
    let gateway = with(options, |_| ()).await;
    assert_eq!(
        first_request(&gateway, "alice").await,
        (502, "upstream-refused".to_owned())
    );
    gateway
        .log
        .until_line(&["\"level\":\"ERROR\"", "CREATE_TOKENS_FOR_USERS"])
        .await;
}

#[tokio::test]
async fn a_missing_permission_is_told_to_the_operator() {
    let gateway = Gateway::start().await;
    gateway.rc.revoke_permission("create-user");
    assert_eq!(
        first_request(&gateway, "alice").await,
        (502, "upstream-refused".to_owned())
    );
    gateway
        .log
        .until_line(&["\"level\":\"ERROR\"", "create-user"])
        .await;
    gateway.rc.grant_permission("create-user");
    assert_eq!(first_request(&gateway, "alice").await.0, 200);
}

#[tokio::test]
async fn a_service_account_refused_later_is_told_and_makes_gantry_unready() {
    let gateway = Gateway::start().await;
    let service = gateway.rc.service_username();
    gateway.rc.set_active(&service, false);
    assert_eq!(
        first_request(&gateway, "alice").await,
        (502, "upstream-refused".to_owned())
    );
    gateway
        .log
        .until_line(&["Rocket.Chat: ", "service account"])
        .await;
    let mut unready = false;
    while !unready {
        unready = gateway.admin("/readyz").await.0 == 503;
    }
}

#[tokio::test]
async fn a_taken_address_is_told_to_the_operator_and_not_to_the_world() {
    let gateway = Gateway::start().await;
    gateway.rc.add_user(NewUser {
        email: Some("alice@example.com".to_owned()),
        ..NewUser::new("somebody")
    });
    assert_eq!(
        first_request(&gateway, "alice").await,
        (403, "not-permitted".to_owned())
    );
    gateway
        .log
        .until_line(&[
            "error-field-unavailable",
            "e-mail address belongs to another user",
        ])
        .await;
    assert!(!gateway.log.text().contains("alice@example.com"));
    assert!(gateway.rc.user("alice").is_none());
}

#[tokio::test]
async fn a_refused_username_is_told_to_the_operator() {
    let gateway = Gateway::start().await;
    assert_eq!(
        first_request(&gateway, "system").await,
        (403, "not-permitted".to_owned())
    );
    gateway
        .log
        .until_line(&["error-blocked-username", "users.username"])
        .await;
    assert!(gateway.rc.created_users().is_empty());
}

#[tokio::test]
async fn a_full_workspace_is_told_to_the_operator() {
    let world = World::new(Options {
        seats: Some(0),
        rate_limiter: false,
        ..Options::new(Manner::V87)
    })
    .await;
    let gateway = world.gantry(|_, _| ()).await;
    gateway.until_ready().await;
    assert_eq!(
        first_request(&gateway, "alice").await,
        (403, "not-permitted".to_owned())
    );
    gateway
        .log
        .until_line(&["error-license-user-limit-reached", "seat"])
        .await;
}

#[tokio::test]
async fn people_who_may_not_act_are_told_so_and_the_reason_is_in_the_log() {
    let gateway = Gateway::start().await;
    let add = |name: &str, change: fn(&mut NewUser)| {
        let mut new = NewUser::new(name);
        change(&mut new);
        gateway.rc.add_user(new);
    };
    add("leaver", |new| new.active = false);
    add("root", |new| {
        new.roles = vec!["user".to_owned(), "admin".to_owned()]
    });
    add("robot", |new| new.user_type = "bot".to_owned());
    for (name, reason) in [
        ("leaver", "the user is deactivated at rocket.chat"),
        ("root", "holds a role of users.protected_roles"),
        ("robot", "is a bot, an app or a visitor"),
    ] {
        assert_eq!(
            first_request(&gateway, name).await,
            (403, "not-permitted".to_owned()),
            "{name}"
        );
        gateway.log.until_line(&[ECHO, reason]).await;
        assert!(gateway.rc.live_tokens(name).is_empty());
    }
    let nameless = gateway
        .issuer
        .token_with("x", json!({ "preferred_username": null }));
    let answer = gateway.get(ECHO, &nameless).send().await.unwrap();
    assert_eq!(slug(answer).await, "not-permitted");
    gateway
        .log
        .until_line(&["lacks a claim that users.username needs"])
        .await;
}
