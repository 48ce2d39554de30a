//! The exchange as clients meet it: many first requests at once, many people at once, every Rocket.Chat.

use std::collections::HashSet;
use std::time::Duration;

use gantry::config::Config;
use gantry::config::rocketchat::{Mint, Regime, ServiceAccount, VersionSetting};
use gantry::secret::Secret;
use lookalike::{Manner, Options};
use serde_json::Value;

use crate::support::gateway::{Gateway, Settings};
use crate::support::world::World;

const CREATE: &str = "/api/v1/users.create";
const CREATE_TOKEN: &str = "/api/v1/users.createToken";
const TOTP_KEY: &[u8; 20] = b"12345678901234567890";
const TOTP_BASE32: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn of(manner: Manner) -> Options {
    Options {
        rate_limiter: false,
        ..Options::new(manner)
    }
}

async fn started(options: Options, change: impl FnOnce(&mut Config, &World)) -> Gateway {
    let gateway = World::new(options).await.gantry(change).await;
    gateway.until_ready().await;
    gateway
}

async fn username(gateway: &Gateway, path: &str, token: &str) -> String {
    let answer = gateway.get(path, token).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", gateway.log.text());
    let said: Value = answer.json().await.unwrap();
    said["username"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_first_requests_of_one_new_user_make_one_user_and_one_token() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let asked = (0..300).map(|_| username(&gateway, "/api/v1/gantry-test.echo", &token));
    let answered = futures_util::future::join_all(asked).await;
    assert!(answered.iter().all(|name| name == "alice"));
    assert_eq!(gateway.rc.calls("POST", CREATE), 1);
    assert_eq!(gateway.rc.calls("POST", CREATE_TOKEN), 1);
    assert_eq!(gateway.rc.live_tokens("alice").len(), 1);
    assert_eq!(gateway.metric("gantry_sessions").await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_new_users_at_once_each_get_their_own() {
    let gateway = Gateway::start().await;
    let asked = (0..300).map(|number| {
        let gateway = &gateway;
        async move {
            let name = format!("person{number}");
            let token = gateway.issuer.token(&name);
            let answered = username(gateway, "/api/v1/gantry-test.echo", &token).await;
            assert_eq!(answered, name);
            let me = username(gateway, "/api/v1/me", &token).await;
            assert_eq!(me, name);
            name
        }
    });
    let names: HashSet<String> = futures_util::future::join_all(asked)
        .await
        .into_iter()
        .collect();
    assert_eq!(names.len(), 300);
    assert_eq!(gateway.rc.calls("POST", CREATE), 300);
    assert_eq!(gateway.rc.calls("POST", CREATE_TOKEN), 300);
    for name in names {
        assert_eq!(gateway.rc.live_tokens(&name).len(), 1, "{name}");
    }
}

#[tokio::test]
async fn every_rocketchat_is_served_by_the_version_it_tells() {
    for manner in [Manner::V6, Manner::V7, Manner::V80, Manner::V87] {
        let gateway = started(of(manner), |_, _| ()).await;
        let token = gateway.issuer.token("alice");
        assert_eq!(
            username(&gateway, "/api/v1/me", &token).await,
            "alice",
            "{manner:?}"
        );
        let released = gateway
            .post("/_gantry/release", &token)
            .send()
            .await
            .unwrap();
        assert_eq!(released.status(), 204, "{manner:?}");
        gateway.until_live_tokens("alice", 0).await;
    }
}

#[tokio::test]
async fn every_rocketchat_is_served_by_the_version_that_is_configured() {
    for (manner, regime) in [
        (Manner::V6, Regime::NoSecret),
        (Manner::V7, Regime::NoSecret),
        (Manner::V80, Regime::Secret),
        (Manner::V87, Regime::SecretAndPermission),
    ] {
        let gateway = started(of(manner), |config, _| {
            config.rocketchat.version = VersionSetting::Fixed(regime);
        })
        .await;
        let token = gateway.issuer.token("alice");
        assert_eq!(
            username(&gateway, "/api/v1/me", &token).await,
            "alice",
            "{manner:?}"
        );
    }
}

#[tokio::test]
async fn where_no_token_can_be_made_a_password_is_the_fallback() {
    let options = Options {
        create_token: lookalike::CreateToken::Off,
        ..of(Manner::V7)
    };
    let gateway = started(options, |config, _| {
        config.rocketchat.mint = Mint::Password {
            key: Secret::new("0123456789abcdef0123456789abcdef".to_owned()),
        };
        config.rocketchat.create_token_secret = None;
    })
    .await;
    // A verified address would bring e-mail 2FA to password logins (RC §2.2).
    let changes = serde_json::json!({ "email_verified": false });
    let token = gateway.issuer.token_with("alice", changes);
    assert_eq!(username(&gateway, "/api/v1/me", &token).await, "alice");
    assert_eq!(gateway.rc.calls("POST", CREATE_TOKEN), 0);
    assert_eq!(gateway.rc.live_tokens("alice").len(), 1);
    gateway
        .post("/_gantry/release", &token)
        .send()
        .await
        .unwrap();
    gateway.until_live_tokens("alice", 0).await;
}

fn by_password(world: &World, totp: Option<&str>) -> ServiceAccount {
    ServiceAccount::Password {
        username: world.rc.service_username(),
        password: Secret::new(world.rc.service_password()),
        totp_secret: totp.map(|secret| Secret::new(secret.to_owned())),
    }
}

#[tokio::test]
async fn the_service_account_may_log_in_by_password_and_gives_its_token_back() {
    let gateway = started(of(Manner::V87), |config, world| {
        config.rocketchat.service_account = by_password(world, None);
    })
    .await;
    let rc = gateway.rc.clone();
    let service = rc.service_username();
    assert_eq!(rc.live_tokens(&service).len(), 1);
    let token = gateway.issuer.token("alice");
    assert_eq!(username(&gateway, "/api/v1/me", &token).await, "alice");
    gateway.running.stop().await;
    assert_eq!(rc.live_tokens(&service), Vec::<String>::new());
}

#[tokio::test]
async fn the_service_account_logs_in_again_when_its_token_dies() {
    let gateway = started(of(Manner::V87), |config, world| {
        config.rocketchat.service_account = by_password(world, None);
    })
    .await;
    // One that dies at once is not replaced at once.
    gateway.hand.advance(Duration::from_secs(60));
    gateway.rc.kill_tokens(&gateway.rc.service_username());
    let token = gateway.issuer.token("alice");
    assert_eq!(username(&gateway, "/api/v1/me", &token).await, "alice");
}

#[tokio::test]
async fn the_service_account_may_have_a_second_factor() {
    let world = World::new(of(Manner::V87)).await;
    world
        .rc
        .set_totp(&world.rc.service_username(), Some(TOTP_KEY));
    let gateway = world
        .gantry(|config, world| {
            config.rocketchat.service_account = by_password(world, Some(TOTP_BASE32));
        })
        .await;
    gateway.until_ready().await;
    let token = gateway.issuer.token("alice");
    assert_eq!(username(&gateway, "/api/v1/me", &token).await, "alice");
}

#[tokio::test]
async fn the_rate_limiter_of_rocketchat_is_no_obstacle_to_many_people() {
    let gateway = Gateway::with(Settings {
        options: Options::new(Manner::V87),
        ..Settings::default()
    })
    .await;
    let asked = (0..30).map(|number| {
        let gateway = &gateway;
        async move {
            let name = format!("person{number}");
            let answer = gateway
                .get("/api/v1/gantry-test.echo", &gateway.issuer.token(&name))
                .send()
                .await
                .unwrap();
            answer.status().as_u16()
        }
    });
    let answered = futures_util::future::join_all(asked).await;
    assert_eq!(answered, vec![200; 30]);
}
