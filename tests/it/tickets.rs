//! `/_gantry/ticket` and `/_gantry/enter`: a browser that cannot carry the JWT gets a cookie for one ticket, once, and is led nowhere
//! but to us.

use std::collections::HashSet;
use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use crate::support::gateway::{Gateway, HOST_PAGE, PUBLIC_URL, slug};

const TICKET: &str = "/_gantry/ticket";
const ROOM: &str = "/channel/general?layout=embedded";

async fn ticket(gateway: &Gateway, token: &str) -> String {
    let answer = gateway.post(TICKET, token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let issued: Value = answer.json().await.unwrap();
    issued["ticket"].as_str().unwrap().to_owned()
}

fn entering(gateway: &Gateway, ticket: &str, to: &str) -> RequestBuilder {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("ticket", ticket).append_pair("to", to);
    let path = format!("/_gantry/enter?{}", query.finish());
    gateway.client.get(gateway.url(&path))
}

async fn enter(gateway: &Gateway, ticket: &str) -> Response {
    entering(gateway, ticket, ROOM).send().await.unwrap()
}

/// The session cookie that an answer sets, as its parts.
fn cookie(answer: &Response) -> Vec<String> {
    let cookies = answer.headers().get_all("set-cookie").iter();
    let ours: Vec<_> = cookies
        .map(|cookie| cookie.to_str().unwrap())
        .filter(|cookie| cookie.starts_with("gantry_session="))
        .collect();
    let [cookie] = ours.as_slice() else {
        panic!("{ours:?}")
    };
    cookie.split("; ").map(str::to_owned).collect()
}

/// The JWT's ten minutes and the grace, less the part of a second that has passed.
#[track_caller]
fn lasts_as_long_as_the_session(age: &str) {
    assert!(["Max-Age=629", "Max-Age=630"].contains(&age), "{age}");
}

#[tokio::test]
async fn a_ticket_is_handed_out_with_its_end_and_stored_nowhere() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let answer = gateway.post(TICKET, &token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(answer.headers()["vary"], "Cookie");
    let issued: Value = answer.json().await.unwrap();
    let keys: Vec<_> = issued.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["ticket", "expiresAt"]);
    assert_eq!(issued["ticket"].as_str().unwrap().len(), 43);
    let until = gateway.clock.now() + Duration::from_secs(30);
    let expected = humantime::format_rfc3339_seconds(until).to_string();
    assert_eq!(issued["expiresAt"], Value::from(expected));
}

#[tokio::test]
async fn a_ticket_becomes_a_cookie_that_no_script_reads_and_leads_on() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let ticket = ticket(&gateway, &token).await;
    let answer = enter(&gateway, &ticket).await;
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()["location"], ROOM);
    assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let parts = cookie(&answer);
    let (_, stand_in) = parts[0].split_once('=').unwrap();
    assert_eq!(stand_in.len(), 43);
    assert_ne!(stand_in, ticket);
    assert!(
        !gateway
            .rc
            .live_tokens("alice")
            .contains(&stand_in.to_owned())
    );
    let (age, attributes) = parts[1..].split_last().unwrap();
    lasts_as_long_as_the_session(age);
    let attributes: HashSet<&str> = attributes.iter().map(String::as_str).collect();
    let expected = [
        "Path=/",
        "HttpOnly",
        "Secure",
        "SameSite=None",
        "Partitioned",
    ];
    assert_eq!(attributes, HashSet::from(expected));
    assert_eq!(gateway.rc.calls("GET", "/_gantry/enter"), 0);
}

#[tokio::test]
async fn the_cookie_is_as_configured() {
    let gateway = Gateway::configured(|config| {
        let cookie = &mut config.iframe.cookie;
        cookie.name = "chat".to_owned();
        cookie.same_site = gantry::config::iframe::SameSite::Strict;
        cookie.partitioned = false;
        cookie.secure = false;
    })
    .await;
    let ticket = ticket(&gateway, &gateway.issuer.token("alice")).await;
    let answer = enter(&gateway, &ticket).await;
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert!(pair.starts_with("chat="));
    let (attributes, age) = attributes.rsplit_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; SameSite=Strict; HttpOnly");
    lasts_as_long_as_the_session(age);
}

#[tokio::test]
async fn of_many_who_show_a_ticket_at_once_one_gets_in() {
    let gateway = Gateway::start().await;
    let ticket = ticket(&gateway, &gateway.issuer.token("alice")).await;
    let attempts = (0..40).map(|_| enter(&gateway, &ticket));
    let answers = futures_util::future::join_all(attempts).await;
    let (inside, outside): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|answer| answer.status() == 303);
    assert_eq!(inside.len(), 1);
    for answer in outside {
        assert_eq!(answer.status(), 401);
        assert!(!answer.headers().contains_key("set-cookie"));
        assert_eq!(slug(answer).await, "invalid-token");
    }
}

#[tokio::test]
async fn a_ticket_is_good_for_as_long_as_configured_and_no_longer() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let (first, second) = (
        ticket(&gateway, &token).await,
        ticket(&gateway, &token).await,
    );
    gateway.hand.advance(Duration::from_secs(29));
    assert_eq!(enter(&gateway, &first).await.status(), 303);
    gateway.hand.advance(Duration::from_secs(1));
    assert_eq!(slug(enter(&gateway, &second).await).await, "invalid-token");
}

#[tokio::test]
async fn a_ticket_dies_with_its_session() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    for end in ["/_gantry/release", "/_gantry/logout"] {
        let ticket = ticket(&gateway, &token).await;
        gateway.post(end, &token).send().await.unwrap();
        assert_eq!(enter(&gateway, &ticket).await.status(), 401, "{end}");
    }
}

#[tokio::test]
async fn what_is_no_ticket_lets_nobody_in() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let ticket = ticket(&gateway, &token).await;
    let cut = ticket.get(..42).unwrap();
    for other in ["", "x", &token, cut] {
        let answer = enter(&gateway, other).await;
        assert_eq!(slug(answer).await, "invalid-token", "{other}");
    }
    let without = gateway.client.get(gateway.url("/_gantry/enter?to=/home"));
    let answer = without.send().await.unwrap();
    assert_eq!(slug(answer).await, "missing-token");
    let twice = format!("/_gantry/enter?ticket={ticket}&ticket={ticket}");
    let answer = gateway
        .client
        .get(gateway.url(&twice))
        .send()
        .await
        .unwrap();
    assert_eq!(slug(answer).await, "bad-request");
    let nobody = gateway
        .client
        .post(gateway.url(TICKET))
        .send()
        .await
        .unwrap();
    assert_eq!(slug(nobody).await, "missing-token");
    assert_eq!(enter(&gateway, &ticket).await.status(), 303, "still good");
}

#[tokio::test]
async fn ghsa_qqxw_m5fj_f7gv_nobody_is_led_elsewhere_and_the_ticket_stays_good() {
    let gateway = Gateway::start().await;
    let ticket = ticket(&gateway, &gateway.issuer.token("alice")).await;
    for to in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/%2fevil.example",
        "/%5cevil.example",
        "/\t/evil.example",
        "/\r\nSet-Cookie: x=y",
        "javascript:alert(1)",
        "",
    ] {
        let answer = entering(&gateway, &ticket, to).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{to:?}");
        assert!(!answer.headers().contains_key("location"));
        assert!(!answer.headers().contains_key("set-cookie"));
        assert_eq!(slug(answer).await, "bad-request");
    }
    let path = format!("/_gantry/enter?ticket={ticket}");
    let answer = gateway.client.get(gateway.url(&path)).send().await.unwrap();
    assert_eq!(answer.headers()["location"], "/home");
}

#[tokio::test]
async fn ghsa_f24x_5g9q_753f_a_foreign_page_puts_nobody_into_its_own_session() {
    let gateway = Gateway::configured(|config| {
        let embedding = gantry::config::types::Origin::parse("https://embeds.example").unwrap();
        config.proxy.frame_ancestors = vec![embedding];
    })
    .await;
    let token = gateway.issuer.token("mallory");
    let evil = "https://evil.example/page";
    let lookalike = format!("{HOST_PAGE}.evil.example/");
    for (name, value, led) in [
        ("referer", evil, false),
        ("referer", lookalike.as_str(), false),
        ("referer", "https://app.example.com@evil.example/", false),
        ("referer", "nonsense", false),
        ("origin", "https://evil.example", false),
        ("origin", "null", false),
        ("sec-fetch-site", "cross-site", false),
        ("sec-fetch-site", "same-site", false),
        ("sec-fetch-site", "none", true),
        ("sec-fetch-site", "same-origin", true),
        ("x-nothing", "at all", true),
        ("referer", "https://app.example.com/page?x", true),
        ("referer", "https://embeds.example/", true),
        ("referer", "https://chat.example.com/home", true),
        ("origin", HOST_PAGE, true),
        ("origin", PUBLIC_URL, true),
    ] {
        let ticket = ticket(&gateway, &token).await;
        let asked = entering(&gateway, &ticket, "/home").header(name, value);
        let answer = asked.send().await.unwrap();
        let expected = if led { 303 } else { 401 };
        assert_eq!(answer.status(), expected, "{name}: {value}");
        assert_eq!(answer.headers().contains_key("set-cookie"), led);
    }
}

#[tokio::test]
async fn a_cookie_gets_a_ticket_on_our_own_pages_only() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    for (site, expected) in [
        ("same-origin", 200),
        ("same-site", 401),
        ("cross-site", 401),
    ] {
        let answer = gateway
            .client
            .post(gateway.url(TICKET))
            .header("cookie", format!("host_jwt={token}"))
            .header("sec-fetch-site", site)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), expected, "{site}");
    }
}

#[tokio::test]
async fn neither_ticket_nor_stand_in_is_logged() {
    let gateway = Gateway::start().await;
    let ticket = ticket(&gateway, &gateway.issuer.token("alice")).await;
    let answer = enter(&gateway, &ticket).await;
    let parts = cookie(&answer);
    let (_, stand_in) = parts[0].split_once('=').unwrap();
    gateway.log.until_line(&["/_gantry/enter"]).await;
    let log = gateway.log.text();
    assert!(!log.contains(&ticket) && !log.contains(stand_in));
}

#[tokio::test]
async fn other_methods_use_up_nothing() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let ticket = ticket(&gateway, &token).await;
    let path = format!("/_gantry/enter?ticket={ticket}");
    for (method, path, allowed) in [
        ("HEAD", path.as_str(), "GET"),
        ("POST", path.as_str(), "GET"),
        ("GET", TICKET, "POST"),
    ] {
        let asked = gateway
            .client
            .request(method.parse().unwrap(), gateway.url(path))
            .bearer_auth(&token);
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status(), 405, "{method} {path}");
        assert_eq!(answer.headers()["allow"], allowed);
    }
    assert_eq!(enter(&gateway, &ticket).await.status(), 303);
}
