//! The boot script: linked into Rocket.Chat's pages ahead of its own scripts, and told to our own pages alone.

use lookalike::Received;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use crate::support::gateway::{Gateway, HOST_PAGE, PUBLIC_URL, slug};
use crate::support::switchboard::Switchboard;
use crate::support::world::World;

const BOOT: &str = "/_gantry/boot.js";
const LINK: &str = "<script src=\"/_gantry/boot.js\"></script>";
const ROOM: &str = "/channel/general";

fn page(gateway: &Gateway) -> RequestBuilder {
    let asked = gateway.get(ROOM, &gateway.issuer.token("alice"));
    asked.header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
}

fn last(gateway: &Gateway) -> Received {
    gateway.received(ROOM).pop().unwrap()
}

/// As a page of our own, known by the host's cookie, asks for the script.
fn boot(gateway: &Gateway, person: &str) -> RequestBuilder {
    let token = gateway.issuer.token(person);
    gateway
        .client
        .get(gateway.url(BOOT))
        .header("cookie", format!("host_jwt={token}"))
}

/// What the script is called with.
async fn known(answer: Response) -> Value {
    assert_eq!(answer.status(), 200);
    let script = answer.text().await.unwrap();
    let (_, argument) = script.rsplit_once("})(").unwrap();
    serde_json::from_str(argument.strip_suffix(");\n").unwrap()).unwrap()
}

#[tokio::test]
async fn a_page_comes_with_the_script_ahead_of_its_own() {
    let gateway = Gateway::start().await;
    let answer = page(&gateway)
        .header("accept-encoding", "gzip, br")
        .header("if-none-match", "\"old\"")
        .header("if-modified-since", "Thu, 01 Jan 2026 00:00:00 GMT")
        .header("range", "bytes=0-9")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let headers = answer.headers().clone();
    for gone in ["etag", "last-modified", "content-encoding"] {
        assert!(!headers.contains_key(gone), "{gone}");
    }
    let cache = headers["cache-control"].to_str().unwrap();
    assert!(cache.starts_with("private"), "{cache}");
    let html = answer.text().await.unwrap();
    assert_eq!(html.matches(LINK).count(), 1);
    assert!(html.contains(&format!("<head>{LINK}")), "{html}");
    assert_eq!(html.find("<script"), html.find(LINK));

    let received = last(&gateway);
    assert_eq!(received.header("accept-encoding"), Some("identity"));
    for asked in ["if-none-match", "if-modified-since", "range"] {
        assert_eq!(received.header(asked), None, "{asked}");
    }
    // But for the link, it is Rocket.Chat's own page.
    let own = gateway.client.get(format!("{}{ROOM}", gateway.rc.url()));
    let own = own.send().await.unwrap().text().await.unwrap();
    assert_eq!(html.replace(LINK, ""), own);
}

#[tokio::test]
async fn a_page_is_left_alone_when_so_configured() {
    let gateway = Gateway::configured(|config| config.iframe.boot_script = false).await;
    let asked = page(&gateway).header("accept-encoding", "gzip");
    let html = asked.send().await.unwrap().text().await.unwrap();
    assert!(!html.contains("/_gantry/"), "{html}");
    assert_eq!(last(&gateway).header("accept-encoding"), Some("gzip"));
}

#[tokio::test]
async fn the_rest_of_a_page_streams_while_it_is_made() {
    let world = World::plain().await;
    let mut board = Switchboard::before(&world.rc, ROOM).await;
    let url = board.url();
    let gateway = world.gantry(|config, _| config.rocketchat.url = url).await;
    gateway.until_ready().await;
    let asking = tokio::spawn(page(&gateway).send());
    let mut call = board.next().await;
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n";
    call.answer(head).await;
    call.answer(b"f\r\n<!doctype html>\r\n").await;
    call.answer(b"9\r\n<html><he\r\n").await;
    let mut answer = asking.await.unwrap().unwrap();
    call.answer(b"5\r\nad>12\r\n").await;
    let mut seen = String::new();
    let ahead = format!("<!doctype html><html><head>{LINK}12");
    while seen.len() < ahead.len() {
        seen += std::str::from_utf8(&answer.chunk().await.unwrap().unwrap()).unwrap();
    }
    // Rocket.Chat has not ended the page yet.
    assert_eq!(seen, ahead);
    call.answer(b"1\r\n3\r\n0\r\n\r\n").await;
    assert_eq!(answer.text().await.unwrap(), "3");
}

#[tokio::test]
async fn the_script_places_a_stand_in_for_whoever_the_cookie_says() {
    let gateway = Gateway::start().await;
    let asked = boot(&gateway, "alice").header("sec-fetch-site", "same-origin");
    let answer = asked.send().await.unwrap();
    let headers = answer.headers();
    assert_eq!(headers["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["vary"], "Cookie");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["cross-origin-resource-policy"], "same-origin");
    let known = known(answer).await;
    let user = gateway.rc.user("alice").unwrap();
    assert_eq!(known["userId"], Value::from(&*user.id));
    let token = known["token"].as_str().unwrap();
    assert_eq!(token.len(), 43);
    assert!(!gateway.rc.live_tokens("alice").contains(&token.to_owned()));
}

#[tokio::test]
async fn a_foreign_page_that_includes_the_script_gets_nothing() {
    let gateway = Gateway::start().await;
    let own_page = format!("{PUBLIC_URL}{ROOM}");
    for (name, value, told) in [
        ("sec-fetch-site", "same-origin", true),
        ("sec-fetch-site", "same-site", false),
        ("sec-fetch-site", "cross-site", false),
        ("sec-fetch-site", "none", false),
        ("origin", HOST_PAGE, false),
        ("referer", own_page.as_str(), true),
        ("referer", HOST_PAGE, false),
        ("x-nothing", "at all", false),
    ] {
        let asked = boot(&gateway, "alice").header(name, value);
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status() == 200, told, "{name}: {value}");
        if !told {
            assert_eq!(slug(answer).await, "invalid-token");
        }
        // Not even a bearer opens it: who else than a page of ours would run it?
        let token = gateway.issuer.token("alice");
        let asked = gateway.get(BOOT, &token).header(name, value);
        assert_eq!(asked.send().await.unwrap().status() == 200, told);
    }
}

#[tokio::test]
async fn for_nobody_the_script_does_nothing() {
    let gateway = Gateway::start().await;
    let asked = gateway.client.get(gateway.url(BOOT));
    let asked = asked.header("sec-fetch-site", "same-origin");
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["content-type"],
        "text/javascript; charset=utf-8"
    );
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(answer.text().await.unwrap(), "");
}
