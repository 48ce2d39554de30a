//! Section for section: what a client sees of the old rules, and then of the new ones.

use http::Method;
use serde_json::json;

use crate::reload::stage::{ECHO, Stage};
use crate::support::gateway::HOST_PAGE;
use crate::support::socket::Socket;

#[tokio::test]
async fn another_cookie_brings_the_jwt() {
    let mut stage = Stage::start().await;
    let alice = stage.gateway.issuer.token("alice");
    let status = async |stage: &Stage, name: &str| {
        let asked = stage.gateway.client.get(stage.gateway.url(ECHO));
        let asked = asked
            .header("cookie", format!("{name}={alice}"))
            .header("sec-fetch-site", "same-origin");
        asked.send().await.unwrap().status().as_u16()
    };
    assert_eq!(status(&stage, "host_jwt").await, 200);
    assert_eq!(status(&stage, "other_jwt").await, 401);
    stage
        .change(|config| config["tokens"]["cookie"] = json!("other_jwt"))
        .await;
    assert_eq!(status(&stage, "host_jwt").await, 401);
    assert_eq!(status(&stage, "other_jwt").await, 200);
}

#[tokio::test]
async fn nobody_is_provisioned_any_more() {
    let mut stage = Stage::start().await;
    let alice = stage.gateway.issuer.token("alice");
    assert_eq!(stage.status(&alice).await, 200);
    stage
        .change(|config| config["users"]["provision"] = json!(false))
        .await;
    assert_eq!(stage.status(&alice).await, 200);
    let bob = stage.gateway.issuer.token("bob");
    assert_eq!(stage.status(&bob).await, 403);
}

#[tokio::test]
async fn pages_of_another_origin_may_read_and_embed() {
    let mut stage = Stage::start().await;
    let other = "https://portal.example.net";
    let alice = stage.gateway.issuer.token("alice");
    let asked = async |stage: &Stage, path: &str, origin: &str| {
        let asked = stage.gateway.get(path, &alice).header("origin", origin);
        asked.send().await.unwrap()
    };
    let allowed = "access-control-allow-origin";
    let answer = asked(&stage, ECHO, other).await;
    assert!(!answer.headers().contains_key(allowed), "{answer:?}");
    stage
        .change(|config| {
            config["proxy"] = json!({ "allowed_origins": [other], "frame_ancestors": [other] });
        })
        .await;
    let answer = asked(&stage, ECHO, other).await;
    assert_eq!(answer.headers()[allowed], other);
    let answer = asked(&stage, ECHO, HOST_PAGE).await;
    assert!(!answer.headers().contains_key(allowed), "{answer:?}");
    let page = stage.gateway.get("/channel/general", &alice);
    let page = page.header("accept", "text/html").send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains(other), "{policy}");
}

#[tokio::test]
async fn a_path_is_denied_from_now_on() {
    let mut stage = Stage::start().await;
    let alice = stage.gateway.issuer.token("alice");
    assert_eq!(stage.status(&alice).await, 200);
    stage
        .change(|config| config["proxy"]["denied"] = json!([ECHO]))
        .await;
    assert_eq!(stage.status(&alice).await, 403);
}

#[tokio::test]
async fn limits_hold_for_requests_and_for_connections_that_begin_later() {
    let mut stage = Stage::start().await;
    let alice = stage.gateway.issuer.token("alice");
    let sized = async |stage: &Stage| {
        let asked = stage.gateway.post(ECHO, &alice).body("0123456789");
        asked.send().await.unwrap().status().as_u16()
    };
    let head = format!(
        "GET {ECHO} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {alice}\r\nX-Long: {}\r\n\r\n",
        "x".repeat(20_000)
    );
    assert_eq!(sized(&stage).await, 200);
    let mut before = stage.gateway.raw().await;
    before.send(head.clone()).await;
    assert_eq!(before.answer().await.unwrap().status, 200);
    stage
        .change(|config| {
            config["listen"]["limits"] = json!({ "body": "9B", "header_bytes": "16KiB" });
        })
        .await;
    assert_eq!(sized(&stage).await, 413);
    before.send(head.clone()).await;
    assert_eq!(before.answer().await.unwrap().status, 200);
    let mut after = stage.gateway.raw().await;
    after.send(head).await;
    assert_eq!(after.answer().await.unwrap().status, 431);
}

#[tokio::test]
async fn a_proxy_is_trusted_from_now_on() {
    let mut stage = Stage::start().await;
    let alice = stage.gateway.issuer.token("alice");
    let told = async |stage: &Stage| {
        stage.gateway.rc.forget_requests();
        let asked = stage.gateway.get(ECHO, &alice);
        let asked = asked.header("x-forwarded-for", "198.51.100.7");
        assert_eq!(asked.send().await.unwrap().status(), 200);
        let received = stage.gateway.received(ECHO).remove(0);
        received.header("x-forwarded-for").unwrap().to_owned()
    };
    assert_eq!(told(&stage).await, "127.0.0.1");
    stage
        .change(|config| config["listen"]["trusted_proxies"] = json!(["127.0.0.0/8"]))
        .await;
    assert_eq!(told(&stage).await, "198.51.100.7");
}

#[tokio::test]
async fn sockets_that_open_later_have_the_new_limits_and_the_open_ones_theirs() {
    let mut stage = Stage::start().await;
    let alice = stage.gateway.issuer.token("alice");
    let long = format!(r#"{{"msg":"ping","id":"{}"}}"#, "x".repeat(70_000));
    let mut before = stage.socket(&alice).await;
    stage
        .change(|config| config["websocket"]["max_message"] = json!("64KiB"))
        .await;
    before.say(long.clone()).await;
    before.hear_until(|text| text.contains("pong")).await;
    let mut after = stage.socket(&alice).await;
    after.say(long).await;
    assert!(after.closed().await.is_some());
    before.ping().await;
}

#[tokio::test]
async fn the_session_cookie_has_another_name_and_tickets_stay_good() {
    let mut stage = Stage::start().await;
    let alice = stage.gateway.issuer.token("alice");
    let issued = stage.gateway.post("/_gantry/ticket", &alice);
    let issued: serde_json::Value = issued.send().await.unwrap().json().await.unwrap();
    stage
        .change(|config| config["iframe"]["cookie"]["name"] = json!("another"))
        .await;
    let ticket = issued["ticket"].as_str().unwrap();
    let url = format!("/_gantry/enter?ticket={ticket}&to=/home");
    let entered = stage.gateway.client.get(stage.gateway.url(&url));
    let entered = entered.send().await.unwrap();
    assert_eq!(entered.status(), 303);
    let cookie = entered.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("another="), "{cookie}");
}

#[tokio::test]
async fn gateways_may_ask_and_then_no_longer() {
    let mut stage = Stage::start().await;
    let alice = stage.gateway.issuer.token("alice");
    let secret = "a-secret-of-gateways-that-is-long-enough";
    let asked = async |stage: &Stage| {
        let url = stage.gateway.url("/_gantry/filter/nginx");
        let asked = stage.gateway.client.get(url).bearer_auth(&alice);
        let asked = asked
            .header("x-gantry-secret", secret)
            .header("x-original-method", "GET")
            .header("x-original-uri", ECHO);
        asked.send().await.unwrap().status().as_u16()
    };
    assert_eq!(asked(&stage).await, 404);
    stage
        .change(|config| {
            config["listen"]["trusted_proxies"] = json!(["127.0.0.1/32"]);
            config["filter"] = json!({ "enabled": true, "secret": secret });
        })
        .await;
    assert_eq!(asked(&stage).await, 200);
    stage
        .change(|config| config["filter"]["enabled"] = json!(false))
        .await;
    assert_eq!(asked(&stage).await, 404);
}

#[tokio::test]
async fn issuers_may_no_longer_log_out() {
    let mut stage = Stage::start().await;
    let asked = async |stage: &Stage| {
        let url = stage.gateway.url("/_gantry/backchannel-logout");
        let asked = stage.gateway.client.request(Method::GET, url);
        asked.send().await.unwrap().status().as_u16()
    };
    assert_eq!(asked(&stage).await, 405);
    stage
        .change(|config| config["backchannel_logout"]["enabled"] = json!(false))
        .await;
    assert_eq!(asked(&stage).await, 404);
}

#[tokio::test]
async fn less_is_logged_and_then_more_again() {
    let mut stage = Stage::start().await;
    let alice = stage.gateway.issuer.token("alice");
    let marked = async |stage: &Stage, mark: &str| {
        let path = format!("{ECHO}/{mark}");
        stage.gateway.get(&path, &alice).send().await.unwrap();
    };
    stage
        .change(|config| config["telemetry"]["log"]["level"] = json!("warn"))
        .await;
    marked(&stage, "unseen").await;
    stage
        .change(|config| config["telemetry"]["log"]["level"] = json!("debug"))
        .await;
    marked(&stage, "seen").await;
    stage.gateway.log.until_line(&["/seen"]).await;
    let log = stage.gateway.log.text();
    assert!(!log.contains("/unseen"), "{log}");
    // What the program says of itself, not only of requests: the first of these reloads was told at `warn`, which left it out.
    assert_eq!(log.matches("is in force").count(), 1, "{log}");
}

#[tokio::test]
async fn a_socket_that_nobody_logged_in_on_stays_open_through_a_reload() {
    let mut stage = Stage::start().await;
    let (mut socket, _) = Socket::with(&stage.gateway, "/websocket", &[]).await;
    socket.connect_ddp().await;
    stage
        .change(|config| config["websocket"]["ping_interval"] = json!("29s"))
        .await;
    socket.ping().await;
}
