//! Sending a refused request once more: which bodies allow it, and what becomes of those that do not.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use crate::support::gateway::Gateway;
use crate::support::http::{HELD, Pieces, http1, json as read, pieces, request, streamed, whole};
use crate::support::switchboard::Switchboard;
use crate::support::world::World;

const CREATE_TOKEN: &str = "/api/v1/users.createToken";
const ECHO: &str = "/api/v1/gantry-test.echo";

/// A person whose auth token has just died at Rocket.Chat.
async fn refused() -> (Gateway, String) {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    gateway.get(ECHO, &token).send().await.unwrap();
    gateway.rc.kill_tokens("alice");
    gateway.rc.forget_requests();
    (gateway, token)
}

async fn sent(body: Pieces) -> (Gateway, String, (StatusCode, Value)) {
    let (gateway, token) = refused().await;
    let mut connection = http1(&gateway).await;
    let answer = connection
        .send_request(request(&gateway, ECHO, &token, body))
        .await
        .unwrap();
    let answer = read(answer).await;
    (gateway, token, answer)
}

async fn check_replayed(body: Pieces, length: usize) {
    let (gateway, _, (status, said)) = sent(body).await;
    assert_eq!(status, 200, "{length} bytes: {said}");
    assert_eq!(said["length"], json!(length));
    assert_eq!(said["username"], "alice");
    assert_eq!(gateway.rc.calls("POST", ECHO), 2, "{length} bytes");
}

async fn check_passed(body: Pieces, length: usize) {
    let (gateway, token, (status, said)) = sent(body).await;
    assert_eq!(status, 401, "{length} bytes: {said}");
    assert_eq!(said["message"], "You must be logged in to do this.");
    assert_eq!(gateway.rc.calls("POST", ECHO), 1, "{length} bytes");
    // The refresh was made all the same: the next request works.
    let answer = gateway.get(ECHO, &token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(gateway.rc.calls("POST", CREATE_TOKEN), 1);
}

#[tokio::test]
async fn requests_without_a_body_are_sent_once_more() {
    for method in [Method::GET, Method::HEAD, Method::DELETE, Method::POST] {
        let (gateway, token) = refused().await;
        let answer = gateway
            .client
            .request(method.clone(), gateway.url(ECHO))
            .bearer_auth(&token)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{method}");
        assert_eq!(gateway.rc.calls(method.as_str(), ECHO), 2);
    }
}

#[tokio::test]
async fn what_is_sent_once_more_differs_in_the_auth_token_alone() {
    let (gateway, token) = refused().await;
    let hidden = format!("{ECHO}?a=1&of_the_host={token}&b=%20x");
    let answer = gateway
        .get(&hidden, &token)
        .header(
            "cookie",
            format!("theme=dark; of_the_host={token}; rc_token=forged"),
        )
        .header("x-of-the-host", &token)
        .header("x-user-id", "forged")
        .header("x-many", "1")
        .header("x-many", "2")
        .header("x-2fa-code", "123456")
        .header("accept-language", "de")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let received = gateway.received(ECHO);
    let [first, second] = received.as_slice() else {
        panic!("{} requests came", received.len());
    };
    let but_token = |request: &lookalike::Received| {
        let mut headers = request.headers.clone();
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case("x-auth-token"));
        headers
    };
    assert_eq!(but_token(first), but_token(second));
    for request in [first, second] {
        assert_eq!(request.query.as_deref(), Some("a=1&b=%20x"));
        assert_eq!(request.header_values("cookie"), ["theme=dark"]);
        assert_eq!(request.header_values("x-many"), ["1", "2"]);
        let whole = format!("{request:?}");
        assert!(
            !whole.contains(&token) && !whole.contains("forged"),
            "{whole}"
        );
    }
    let live = gateway.rc.live_tokens("alice");
    assert_eq!(second.header_values("x-auth-token"), live);
    assert_ne!(first.header_values("x-auth-token"), live);
}

#[tokio::test]
async fn a_small_body_of_told_length_is_sent_once_more() {
    check_replayed(whole("{}"), 2).await;
    check_replayed(whole(vec![b'x'; 20_000]), 20_000).await;
}

#[tokio::test]
async fn a_streamed_body_is_sent_once_more_while_it_is_small() {
    check_replayed(streamed(1), 1).await;
    check_replayed(streamed(20_000), 20_000).await;
}

#[tokio::test]
async fn bodies_up_to_64_kib_are_sent_once_more_and_larger_ones_are_not() {
    check_replayed(whole(vec![b'x'; HELD]), HELD).await;
    check_passed(whole(vec![b'x'; HELD + 1]), HELD + 1).await;
}

#[tokio::test]
async fn a_stream_of_up_to_64_kib_is_sent_once_more() {
    check_replayed(streamed(HELD), HELD).await;
}

#[tokio::test]
async fn a_stream_of_which_more_has_passed_gets_rocketchats_refusal() {
    let world = World::plain().await;
    let mut rocketchat = Switchboard::before(&world.rc, ECHO).await;
    let gateway = world
        .gantry(|config, _| config.rocketchat.url = rocketchat.url())
        .await;
    let token = gateway.issuer.token("alice");
    let mut connection = http1(&gateway).await;
    let sent = request(&gateway, ECHO, &token, streamed(HELD + 1));
    let answering = connection.send_request(sent);
    let refusing = async {
        let mut call = rocketchat.next().await;
        let mut passed = 0;
        while passed <= HELD {
            passed += call.stream.read(&mut [0; 4096]).await.unwrap();
        }
        // Younger credentials would only be asked about once more.
        gateway.hand.advance(std::time::Duration::from_secs(60));
        call.answer(
            b"HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}",
        )
        .await;
        call
    };
    let (answer, _first) = tokio::join!(answering, refusing);
    assert_eq!(
        read(answer.unwrap()).await,
        (StatusCode::UNAUTHORIZED, json!({}))
    );
    assert_eq!(gateway.rc.calls("POST", CREATE_TOKEN), 2);
    let next = gateway.get(ECHO, &token).send();
    let answering = async {
        let mut call = rocketchat.next().await;
        // Nothing came in between.
        assert!(call.head.starts_with("GET "), "{}", call.head);
        call.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await;
        call
    };
    let (answer, _second) = tokio::join!(next, answering);
    assert_eq!(answer.unwrap().status(), 200);
}

#[tokio::test]
async fn a_body_that_is_still_coming_when_it_is_refused_goes_on_in_the_second_sending() {
    let (gateway, token) = refused().await;
    let (sender, body) = pieces();
    sender
        .send(Bytes::from_static(b"the first half, "))
        .unwrap();
    let mut connection = http1(&gateway).await;
    let answering = connection.send_request(request(&gateway, ECHO, &token, body));
    let feeding = async {
        // Refused by its head alone, and on its way again.
        gateway.rc.until_called("POST", ECHO, 2).await;
        sender.send(Bytes::from_static(b"the second half")).unwrap();
        drop(sender);
    };
    let (answer, ()) = tokio::join!(answering, feeding);
    let (status, said) = read(answer.unwrap()).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(
        said["length"],
        json!("the first half, the second half".len())
    );
    let received = gateway.rc.requests();
    let second = received
        .iter()
        .filter(|request| request.path == ECHO)
        .nth(1)
        .unwrap();
    assert_eq!(second.body, "the first half, the second half");
}
