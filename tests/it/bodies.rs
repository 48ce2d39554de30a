//! Bodies that decide nothing: clients send them later than the head, and go on with the same connection.

use crate::support::eventually::eventually;
use crate::support::gateway::Gateway;

const ME: &str = "/api/v1/me";
const LOGOUT: &str = "/api/v1/logout";

#[tokio::test]
async fn a_logout_whose_body_comes_late_leaves_the_connection_to_the_next_request() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    gateway.get(ME, &token).send().await.unwrap();
    let mut raw = gateway.raw().await;

    raw.send(format!(
        "POST {LOGOUT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 2\r\n\r\n"
    ))
    .await;
    eventually("the session ends with the head", || {
        gateway.rc.live_tokens("alice").is_empty()
    })
    .await;
    raw.send("{}GET /api/info HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;

    let logout = raw.answer().await.unwrap();
    assert_eq!((logout.status, logout.header("connection")), (200, None));
    let info = raw.answer().await.expect("the connection is kept");
    assert_eq!(info.status, 200);
}

#[tokio::test]
async fn an_answer_that_leaves_the_body_unread_says_that_the_connection_ends() {
    let gateway = Gateway::start().await;
    let bearer = format!(
        "Authorization: Bearer {}\r\n",
        gateway.issuer.token("alice")
    );
    for (request, status) in [
        (format!("POST /_gantry/session HTTP/1.1\r\n{bearer}"), 200),
        ("POST /_gantry/session HTTP/1.1\r\n".to_owned(), 401),
        ("POST /api/v1/chat.sendMessage HTTP/1.1\r\n".to_owned(), 401),
        (
            format!("POST /api/v1/users.register HTTP/1.1\r\n{bearer}"),
            403,
        ),
    ] {
        for (length, said) in [(2, Some("close")), (0, None)] {
            let mut raw = gateway.raw().await;
            raw.send(format!(
                "{request}Host: x\r\nContent-Length: {length}\r\n\r\n"
            ))
            .await;

            let answer = raw.answer().await.unwrap();

            assert_eq!(answer.status, status, "{request}");
            assert_eq!(answer.header("connection"), said, "{request}");
            raw.send("GET /api/info HTTP/1.1\r\nHost: x\r\n\r\n").await;
            assert_eq!(raw.answer().await.is_some(), said.is_none(), "{request}");
        }
    }
}
