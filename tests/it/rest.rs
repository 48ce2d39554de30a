//! REST traffic of one person: a JWT goes in, Rocket.Chat sees a user.

use serde_json::{Value, json};

use crate::support::gateway::{Gateway, slug};

#[tokio::test]
async fn a_request_with_a_jwt_reaches_rocketchat_as_its_user() {
    let gateway = Gateway::start().await;
    let answer = gateway
        .get("/api/v1/me", &gateway.issuer.token("alice"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let me: Value = answer.json().await.unwrap();
    assert_eq!(me["username"], "alice");
    let user = gateway.rc.user("alice").unwrap();
    assert_eq!(user.name, "Name of alice");
    assert_eq!(gateway.rc.live_tokens("alice").len(), 1);
}

#[tokio::test]
async fn the_second_request_reuses_the_minted_token() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    for _ in 0..3 {
        let answer = gateway.get("/api/v1/me", &token).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    assert_eq!(gateway.rc.calls("POST", "/api/v1/users.create"), 1);
    assert_eq!(gateway.rc.calls("POST", "/api/v1/users.createToken"), 1);
    assert_eq!(
        gateway
            .metric("gantry_session_lookups_total{result=\"hit\"}")
            .await,
        2.0
    );
}

#[tokio::test]
async fn a_request_without_a_token_is_answered_here_and_never_sent_on() {
    let gateway = Gateway::start().await;
    let before = gateway.rc.requests().len();
    let answer = gateway
        .client
        .get(gateway.url("/api/v1/rooms.get"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers()["www-authenticate"], "Bearer");
    assert_eq!(slug(answer).await, "missing-token");
    assert_eq!(gateway.rc.requests().len(), before);
}

#[tokio::test]
async fn a_body_streams_up_and_its_answer_down() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let body = vec![b'x'; 3 * 1024 * 1024];
    let answer = gateway
        .post("/api/v1/gantry-test.echo", &token)
        .header("content-type", "application/octet-stream")
        .body(body)
        .send()
        .await
        .unwrap();
    let echoed: Value = answer.json().await.unwrap();
    assert_eq!(echoed["length"], json!(3 * 1024 * 1024));
    assert_eq!(echoed["username"], "alice");
}
