//! Requests whose bodies stand still.

use lookalike::{Fault, FaultKind, Latch};

use crate::limits::stage::{
    BOUND, ECHO, attack, attacker, bearer, get, impatient, reached, until_reached,
};
use crate::support::frames::{
    DATA, END_HEADERS, END_STREAM, HEADERS, begin, frame, next_frame, request,
};
use crate::support::gateway::Gateway;

#[tokio::test]
async fn a_body_that_stands_still_is_given_up_wherever_it_goes() {
    let gateway = Gateway::configured(impatient).await;
    let bearer = bearer(&gateway);
    let text = "Content-Type: text/plain\r\n";
    attack(&gateway, async {
        for (number, (path, fields)) in [
            // Streamed, looked into before it is sent on, and read by an endpoint of Gantry's own.
            (ECHO, format!("Authorization: {bearer}\r\n")),
            (
                "/api/v1/method.call/x",
                format!("Authorization: {bearer}\r\n"),
            ),
            ("/_gantry/release", text.to_owned()),
        ]
        .into_iter()
        .enumerate()
        {
            let mut raw = attacker(&gateway).await;
            raw.send(format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\n{fields}Content-Length: 10\r\n\r\nabc"
            ))
            .await;
            let answer = raw.answer().await.unwrap();
            assert_eq!(
                (answer.status, answer.slug().as_str()),
                (400, "bad-request"),
                "{path}"
            );
            assert!(raw.closes_within(BOUND).await, "{path}");
            let times = u32::try_from(number).unwrap() + 1;
            assert_eq!(
                reached(&gateway, "body-timeout").await,
                f64::from(times),
                "{path}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_body_that_stands_still_on_one_stream_harms_no_other() {
    let gateway = Gateway::configured(impatient).await;
    let bearer = bearer(&gateway);
    let mut raw = begin(&gateway, &[]).await;
    let fields = request("POST", "/api/v1/method.call/x", &bearer);
    raw.send(frame(HEADERS, END_HEADERS, 1, &fields)).await;
    raw.send(frame(DATA, 0, 1, b"abc")).await;
    until_reached(&gateway, "body-timeout", 1.0).await;
    let fields = request("GET", ECHO, &bearer);
    raw.send(frame(HEADERS, END_STREAM | END_HEADERS, 3, &fields))
        .await;
    let mut heads = Vec::new();
    while heads.len() < 2 {
        let frame = next_frame(&mut raw).await.expect("the connection goes on");
        if frame.kind == HEADERS {
            heads.push(frame.stream);
        }
    }
    assert_eq!(heads, [1, 3]);
}

#[tokio::test]
async fn a_body_that_moves_slowly_gets_through() {
    let gateway = Gateway::configured(impatient).await;
    let bearer = bearer(&gateway);
    let mut slow = gateway.raw().await;
    slow.send(format!(
        "POST {ECHO} HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer}\r\nContent-Length: 20\r\n\r\n"
    ))
    .await;
    for _ in 0..20 {
        slow.send("x").await;
        assert!(
            !slow
                .closes_within(std::time::Duration::from_millis(100))
                .await
        );
    }
    assert_eq!(slow.answer().await.unwrap().status, 200);
    assert_eq!(reached(&gateway, "body-timeout").await, 0.0);
}

#[tokio::test]
async fn rocketchat_may_think_longer_than_a_client() {
    let gateway = Gateway::configured(impatient).await;
    let latch = Latch::new();
    let held = FaultKind::HoldAnswer(latch.clone());
    gateway.rc.fault(Fault::times(ECHO, 2, held));
    let bearer = bearer(&gateway);
    let mut plain = gateway.raw().await;
    plain
        .send(format!(
            "POST {ECHO} HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer}\r\nContent-Length: 3\r\n\r\nabc"
        ))
        .await;
    let mut asking = gateway.raw().await;
    asking.send(get(&gateway, ECHO)).await;
    gateway.rc.until_called("GET", ECHO, 1).await;
    gateway.rc.until_called("POST", ECHO, 1).await;
    // One after the other, others are given up meanwhile.
    for times in [1.0, 2.0] {
        let mut other = attacker(&gateway).await;
        other
            .send(format!(
                "POST /api/v1/method.call/x HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer}\r\nContent-Length: 3\r\n\r\n"
            ))
            .await;
        until_reached(&gateway, "body-timeout", times).await;
    }
    latch.open();
    assert_eq!(plain.answer().await.unwrap().status, 200);
    assert_eq!(asking.answer().await.unwrap().status, 200);
}
