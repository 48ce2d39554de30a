//! HTTP/2 without TLS, as sidecars and meshes speak it: the same answers, many requests on one connection, streams both ways.

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::json;

use crate::support::gateway::Gateway;
use crate::support::http::{h2c, json as read, pieces, request, streamed, whole};

const ECHO: &str = "/api/v1/gantry-test.echo";

#[tokio::test]
async fn requests_share_one_connection_and_each_has_its_own_person() {
    let gateway = Gateway::start().await;
    let connection = h2c(&gateway).await;
    let asked = (0..50).map(|number| {
        let (mut connection, gateway) = (connection.clone(), &gateway);
        async move {
            let name = format!("person{number}");
            let token = gateway.issuer.token(&name);
            let sent = request(gateway, ECHO, &token, whole(name.clone()));
            let answer = connection.send_request(sent).await.unwrap();
            let (status, said) = read(answer).await;
            assert_eq!(status, 200, "{said}");
            assert_eq!(said["username"], json!(name));
            assert_eq!(said["length"], json!(name.len()));
        }
    });
    futures_util::future::join_all(asked).await;
    assert_eq!(gateway.metric("gantry_connections").await, 1.0);
    // Rocket.Chat knows no HTTP/2: what it got was HTTP/1.1, with one host, ours.
    let received = gateway.rc.requests();
    let echoed = received
        .iter()
        .find(|request| request.path == ECHO)
        .unwrap();
    assert_eq!(echoed.header_values("host"), ["chat.example.com"]);
    assert_eq!(echoed.header("authorization"), None);
}

#[tokio::test]
async fn a_body_streams_up_while_it_is_made() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let mut connection = h2c(&gateway).await;
    let (sender, body) = pieces();
    sender.send(Bytes::from_static(b"first")).unwrap();
    let answering = connection.send_request(request(&gateway, ECHO, &token, body));
    let feeding = async {
        // The head and the first piece are at Rocket.Chat before there is a second.
        gateway.rc.until_called("POST", ECHO, 1).await;
        crate::support::eventually::eventually("the first piece has passed", || {
            let received = gateway.rc.requests();
            received
                .iter()
                .any(|request| request.path == ECHO && request.body == "first")
        })
        .await;
        sender.send(Bytes::from_static(b", second")).unwrap();
        drop(sender);
    };
    let (answer, ()) = tokio::join!(answering, feeding);
    let (status, said) = read(answer.unwrap()).await;
    assert_eq!(status, 200);
    assert_eq!(said["length"], json!("first, second".len()));
}

#[tokio::test]
async fn an_answer_streams_down_whole() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let mut connection = h2c(&gateway).await;
    let path = "/api/v1/gantry-test.stream?chunks=64&size=65536";
    let sent = Request::get(gateway.url(path))
        .header("authorization", format!("Bearer {token}"))
        .body(whole(""))
        .unwrap();
    let answer = connection.send_request(sent).await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut body = answer.into_body();
    let (mut length, mut frames) = (0, 0);
    while let Some(frame) = body.frame().await {
        let data = frame.unwrap().into_data().unwrap();
        assert!(data.iter().all(|byte| *byte == b'x'));
        length += data.len();
        frames += 1;
        let _released = &data;
    }
    assert_eq!(length, 64 * 65536);
    assert!(frames > 1);
}

#[tokio::test]
async fn a_refused_body_is_sent_once_more_here_too() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    gateway.get(ECHO, &token).send().await.unwrap();
    gateway.rc.kill_tokens("alice");
    let mut connection = h2c(&gateway).await;
    let sent = request(&gateway, ECHO, &token, streamed(20_000));
    let (status, said) = read(connection.send_request(sent).await.unwrap()).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(said["length"], json!(20_000));
}

#[tokio::test]
async fn problems_have_the_same_form() {
    let gateway = Gateway::start().await;
    let mut connection = h2c(&gateway).await;
    let sent = request(&gateway, ECHO, "nonsense", whole("{}"));
    let answer = connection.send_request(sent).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert_eq!(
        answer.headers()["www-authenticate"],
        "Bearer error=\"invalid_token\""
    );
    let (status, problem) = read(answer).await;
    assert_eq!(status, 401);
    assert!(
        problem["type"]
            .as_str()
            .unwrap()
            .ends_with("/invalid-token")
    );
}

#[tokio::test]
async fn the_token_may_come_in_a_cookie_that_was_split() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let mut connection = h2c(&gateway).await;
    let sent = Request::get(gateway.url(ECHO))
        .header("cookie", "theme=dark")
        .header("cookie", format!("host_jwt={token}"))
        .body(whole(""))
        .unwrap();
    let (status, said) = read(connection.send_request(sent).await.unwrap()).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(said["username"], "alice");
    let received = gateway.rc.requests();
    let echoed = received
        .iter()
        .find(|request| request.path == ECHO)
        .unwrap();
    assert_eq!(echoed.header_values("cookie"), ["theme=dark"]);
}
