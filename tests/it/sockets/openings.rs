//! Ways to open a socket: each way to be somebody is enough for everything on it, and each framing is found.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::sockets::played::opened;
use crate::sockets::stage::{BOTH, CONNECT, Client, Framing, call, logins, names, stand_in, told};
use crate::support::gateway::{Gateway, HOST_PAGE, PUBLIC_URL};
use crate::support::raw::Raw;
use crate::support::socket::Socket;

/// A path where servers differ in their framing (RC §6.1).
const EITHER: &str = "/websocket?x=1";

/// Opens with these headers and is alice without a login of its own.
async fn check_alice(gateway: &Gateway, framing: Framing, headers: &[(&str, &str)]) {
    let mut client = Client::silent(gateway, framing, headers).await;
    client
        .say_at_once(&[CONNECT.to_owned(), call("m1", "rooms/get", &json!([]))])
        .await;
    let result = client.result("m1").await;
    assert!(result["result"].is_array(), "{headers:?} {result}");
    assert_eq!(logins(gateway), gateway.rc.live_tokens("alice"));
}

/// A handshake with these headers is refused, and Rocket.Chat not asked.
async fn check_refused(gateway: &Gateway, path: &str, headers: &[(&str, &str)]) {
    let mut head = format!(
        "GET {path} HTTP/1.1\r\nhost: chat\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut raw: Raw = gateway.raw().await;
    raw.send(head + "\r\n").await;
    assert_eq!(raw.answer().await.unwrap().status, 401, "{headers:?}");
    assert!(gateway.received(path).is_empty(), "{headers:?}");
}

#[tokio::test]
async fn pulsar_5598_whoever_can_set_no_header_opens_a_socket_with_a_subprotocol() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let offer = format!("gantry.jwt, {}", gateway.issuer.token("alice"));
        let headers = [
            ("sec-websocket-protocol", offer.as_str()),
            ("origin", HOST_PAGE),
        ];
        check_alice(&gateway, framing, &headers).await;
    }
}

#[tokio::test]
async fn a_cookie_on_our_own_page_is_enough() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let stand_in = stand_in(&gateway, &token).await;
        for cookie in [
            format!("host_jwt={token}"),
            format!("gantry_session={stand_in}"),
        ] {
            let headers = [("cookie", cookie.as_str()), ("origin", PUBLIC_URL)];
            check_alice(&gateway, framing, &headers).await;
        }
    }
}

#[tokio::test]
async fn teleport_67616_a_foreign_page_opens_no_socket_with_the_cookies_of_another() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let stand_in = stand_in(&gateway, &token).await;
    for framing in BOTH {
        for cookie in [
            format!("host_jwt={token}"),
            format!("gantry_session={stand_in}"),
            format!("rc_token={stand_in}"),
            "nothing=x".to_owned(),
        ] {
            for origin in [
                "https://evil.example",
                "null",
                "http://chat.example.com",
                "https://chat.example.com:444",
                "https://chat.example.com.evil.example",
                "https://xchat.example.com",
                "file://",
            ] {
                let headers = [("cookie", cookie.as_str()), ("origin", origin)];
                check_refused(&gateway, framing.path(), &headers).await;
            }
        }
    }
}

#[tokio::test]
async fn a_raw_socket_with_a_query_is_found_to_be_one() {
    let gateway = Gateway::start().await;
    let bearer = format!("Bearer {}", gateway.issuer.token("alice"));
    let headers = [("authorization", bearer.as_str())];
    let (mut socket, _) = Socket::with(&gateway, EITHER, &headers).await;
    socket.connect_ddp().await;
    socket.say(call("m1", "rooms/get", &json!([]))).await;
    socket.hear_until(|text| text.contains("\"m1\"")).await;
    assert_eq!(
        names(&told(&gateway))[1..],
        ["method login", "method rooms/get"]
    );
}

#[tokio::test]
async fn a_sockjs_socket_with_a_query_is_found_to_be_one() {
    let (gateway, mut client, mut server) = opened(EITHER).await;
    server.say("o").await;
    assert_eq!(client.hear().await, "o");
    let said = [CONNECT.to_owned(), call("m1", "rooms/get", &json!([]))];
    client.say(json!(said).to_string()).await;
    assert_eq!(server.hear().await, json!([CONNECT]));
    let framed = server.hear().await;
    let login: Value = serde_json::from_str(framed[0].as_str().unwrap()).unwrap();
    let real = gateway.rc.live_tokens("alice");
    assert_eq!(login["params"][0]["resume"], *real[0]);
}

/// A client that says this first, in SockJS's framing, to a Rocket.Chat that speaks raw DDP and is silent until then.
async fn check_learns_no_token(first: &[String], then: &[String]) {
    let (gateway, mut client, mut server) = opened(EITHER).await;
    client.say(json!(first).to_string()).await;
    let mut said_all = false;
    for _ in 0..2 {
        // It takes none of it for a message, and sends it back.
        let Message::Text(text) = server.frame().await else {
            panic!("a text");
        };
        let offending: Value = serde_json::from_str(&text).unwrap();
        let error =
            json!({ "msg": "error", "reason": "Bad request", "offendingMessage": offending });
        server.say(&error.to_string()).await;
        if !std::mem::replace(&mut said_all, true) && !then.is_empty() {
            client.say(json!(then).to_string()).await;
        }
    }
    let mut heard = String::new();
    assert_eq!(client.closed_hearing(&mut heard).await, Some(1011));
    let real = gateway.rc.live_tokens("alice").pop().unwrap();
    assert!(heard.contains("Bad request"), "{heard}");
    assert!(!heard.contains(&real), "{heard}");
}

#[tokio::test]
async fn a_client_that_speaks_in_another_framing_than_rocketchat_learns_no_token() {
    let (connect, method) = (CONNECT.to_owned(), call("m1", "rooms/get", &json!([])));
    check_learns_no_token(&[connect], &[method]).await;
}

#[tokio::test]
async fn a_long_first_frame_tells_the_framing_too() {
    let said = [CONNECT.to_owned(), call("m1", "rooms/get", &json!([]))];
    assert!(json!(said).to_string().len() > 125);
    check_learns_no_token(&said, &[]).await;
}

#[tokio::test]
async fn mattermost_7981_a_socket_whose_token_rocketchat_removes_closes_and_comes_back() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, framing, &token).await;
        client.log_in("1", &token).await;
        client.all().await;
        gateway.hand.advance(Duration::from_secs(60));
        gateway.rc.kill_tokens("alice");
        // Rocket.Chat's own code: the client knows what to do, and its stand-in is as good as before.
        assert_eq!(client.closed().await, Some(1000));
        let bearer = format!("Bearer {token}");
        check_alice_again(&gateway, framing, &bearer).await;
    }
}

/// Comes back; the old token is tried once more before there is a new one.
async fn check_alice_again(gateway: &Gateway, framing: Framing, bearer: &str) {
    let mut client = Client::silent(gateway, framing, &[("authorization", bearer)]).await;
    client
        .say_at_once(&[CONNECT.to_owned(), call("m1", "rooms/get", &json!([]))])
        .await;
    assert!(client.result("m1").await["result"].is_array());
    let tried = logins(gateway);
    assert_eq!(tried.len(), 2);
    assert_eq!(gateway.rc.live_tokens("alice"), tried[1..]);
}

#[tokio::test]
async fn compression_is_neither_offered_nor_agreed_on() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let bearer = format!("Bearer {}", gateway.issuer.token("alice"));
        let headers = [
            ("authorization", bearer.as_str()),
            (
                "sec-websocket-extensions",
                "permessage-deflate; client_max_window_bits",
            ),
        ];
        let (_socket, agreed) = Socket::with(&gateway, framing.path(), &headers).await;
        assert!(!agreed.contains_key("sec-websocket-extensions"));
        let upgrade = gateway.received(framing.path()).pop().unwrap();
        assert_eq!(upgrade.header("sec-websocket-extensions"), None);
    }
}
