//! The session cookie on its way: what a ticket brought into a browser opens pages, their boot script and their calls, goes nowhere
//! else, and ends when its session does.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::support::gateway::{Gateway, HOST_PAGE, PUBLIC_URL, slug};

const ROOM: &str = "/channel/general";
const ECHO: &str = "/api/v1/gantry-test.echo";
const BOOT: &str = "/_gantry/boot.js";

/// A browser that came in by a ticket.
struct Browser {
    gateway: Gateway,
    token: String,
    stand_in: String,
}

impl Browser {
    async fn entered() -> Self {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let issued = gateway
            .post("/_gantry/ticket", &token)
            .send()
            .await
            .unwrap();
        let issued: Value = issued.json().await.unwrap();
        let path = format!(
            "/_gantry/enter?ticket={}&to={ROOM}",
            issued["ticket"].as_str().unwrap()
        );
        let asked = gateway.client.get(gateway.url(&path));
        let answer = asked.header("referer", HOST_PAGE).send().await.unwrap();
        assert_eq!(answer.status(), 303);
        let stand_in = cookie(&answer).unwrap();
        Self {
            gateway,
            token,
            stand_in,
        }
    }

    /// A request with the cookie, as a page of ours makes it.
    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.gateway
            .client
            .request(method, self.gateway.url(path))
            .header(
                "cookie",
                format!("theme=dark; gantry_session={}", self.stand_in),
            )
            .header("sec-fetch-site", "same-origin")
    }

    async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path).send().await.unwrap()
    }
}

/// The value of the session cookie that an answer sets.
fn cookie(answer: &Response) -> Option<String> {
    let mut cookies = answer.headers().get_all("set-cookie").iter();
    cookies.find_map(|cookie| {
        let pair = cookie.to_str().unwrap().split(';').next()?;
        Some(pair.strip_prefix("gantry_session=")?.to_owned())
    })
}

#[tokio::test]
async fn it_opens_pages_and_calls_and_goes_no_further() {
    let browser = Browser::entered().await;
    for path in [ROOM, ECHO] {
        assert_eq!(browser.get(path).await.status(), 200, "{path}");
        let received = browser.gateway.received(path).pop().unwrap();
        assert_eq!(received.header("cookie"), Some("theme=dark"), "{path}");
    }
    let auth_token = browser.gateway.rc.live_tokens("alice").pop().unwrap();
    let received = browser.gateway.received(ECHO).pop().unwrap();
    assert_eq!(received.header("x-auth-token"), Some(&*auth_token));
    assert_eq!(browser.gateway.rc.live_tokens("alice").len(), 1);
}

#[tokio::test]
async fn its_page_is_booted_with_the_same_stand_in_and_keeps_the_cookie() {
    let browser = Browser::entered().await;
    for path in [BOOT, "/_gantry/iframe/login"] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(cookie(&answer).as_ref(), Some(&browser.stand_in), "{path}");
        assert!(answer.text().await.unwrap().contains(&browser.stand_in));
    }
    // A newer JWT of the host session extends it, and with it the cookie.
    let exp = gantry::clock::unix_seconds(browser.gateway.clock.now()) + 7200;
    let newer = browser
        .gateway
        .issuer
        .token_with("alice", json!({ "exp": exp }));
    browser.gateway.get(ECHO, &newer).send().await.unwrap();
    let answer = browser.get(BOOT).await;
    let renewed = answer.headers()["set-cookie"].to_str().unwrap();
    let age: u64 = renewed.rsplit('=').next().unwrap().parse().unwrap();
    assert!((7200..=7230).contains(&age), "{renewed}");
}

#[tokio::test]
async fn a_foreign_page_can_do_nothing_with_it() {
    let browser = Browser::entered().await;
    let calls = [
        (Method::GET, BOOT),
        (Method::GET, "/_gantry/session"),
        (Method::POST, "/_gantry/ticket"),
        (Method::POST, "/_gantry/release"),
        (Method::POST, "/_gantry/logout"),
        (Method::POST, ECHO),
    ];
    for (method, path) in calls {
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("sec-fetch-site", "cross-site"),
            ("x-nothing", "at all"),
        ] {
            let asked = browser
                .gateway
                .client
                .request(method.clone(), browser.gateway.url(path))
                .header("cookie", format!("gantry_session={}", browser.stand_in))
                .header(name, value);
            let answer = asked.send().await.unwrap();
            assert_eq!(answer.status(), 401, "{method} {path} with {name}: {value}");
            assert_eq!(slug(answer).await, "invalid-token");
        }
    }
    assert!(browser.gateway.received(ECHO).is_empty());
    assert_eq!(browser.gateway.rc.live_tokens("alice").len(), 1);
}

#[tokio::test]
async fn leaving_by_it_ends_its_session_and_only_that() {
    for (path, jwt_lives) in [("/_gantry/release", true), ("/_gantry/logout", false)] {
        let browser = Browser::entered().await;
        let other = json!({ "sid": "other" });
        let other = browser.gateway.issuer.token_with("alice", other);
        browser.gateway.get(ECHO, &other).send().await.unwrap();
        let asked = browser.ask(Method::POST, path).header("origin", PUBLIC_URL);
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status(), 204);
        assert_eq!(cookie(&answer).as_deref(), Some(""), "it is expired");
        browser.gateway.until_live_tokens("alice", 1).await;
        assert_eq!(slug(browser.get(ROOM).await).await, "invalid-token");
        let again = browser.gateway.get(ECHO, &browser.token).send().await;
        assert_eq!(again.unwrap().status() == 200, jwt_lives, "{path}");
        let answer = browser.gateway.get(ECHO, &other).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
}

#[tokio::test]
async fn one_that_is_left_over_is_nobodys() {
    let browser = Browser::entered().await;
    browser.gateway.hand.advance(Duration::from_secs(700));
    let told = browser.get(BOOT).await;
    assert_eq!(told.status(), 200);
    assert_eq!(told.text().await.unwrap(), "");
    assert_eq!(
        slug(browser.get("/_gantry/iframe/login").await).await,
        "invalid-token"
    );
    // What a beacon says then counts.
    let token = browser.gateway.issuer.token("alice");
    browser.gateway.get(ECHO, &token).send().await.unwrap();
    let said = browser
        .ask(Method::POST, "/_gantry/release")
        .header("content-type", "text/plain")
        .body(token);
    assert_eq!(said.send().await.unwrap().status(), 204);
    browser.gateway.until_live_tokens("alice", 0).await;
}

#[tokio::test]
async fn a_stand_in_gets_a_ticket_as_a_jwt_does() {
    let browser = Browser::entered().await;
    let asked = browser
        .gateway
        .client
        .post(browser.gateway.url("/_gantry/ticket"))
        .header("x-auth-token", &browser.stand_in)
        .header("origin", HOST_PAGE);
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let by_cookie = browser.ask(Method::POST, "/_gantry/ticket").send().await;
    assert_eq!(by_cookie.unwrap().status(), 200);
}
