//! What one client may cost: heads, bodies, connections and time are bounded, and who goes beyond is told where HTTP lets us.

use std::time::Duration;

use gantry::config::Config;
use lookalike::{Fault, FaultKind, Latch};

use crate::attacks::injection::upgrade;
use crate::support::gateway::{Gateway, slug};

const ECHO: &str = "/api/v1/gantry-test.echo";

/// Long enough for a closing that is due to be seen, whatever else the machine does.
const BOUND: Duration = Duration::from_secs(20);

fn bearer(gateway: &Gateway) -> String {
    format!(
        "Authorization: Bearer {}\r\n",
        gateway.issuer.token("alice")
    )
}

/// A head with so many fields.
fn fields(bearer: &str, count: usize) -> String {
    let others: String = (2..count)
        .map(|number| format!("X-{number}: x\r\n"))
        .collect();
    format!("GET /_gantry/session HTTP/1.1\r\nHost: x\r\n{bearer}{others}\r\n")
}

#[tokio::test]
async fn too_many_header_fields_are_431() {
    let gateway = Gateway::start().await;
    let bearer = bearer(&gateway);
    for (count, status, slug) in [
        (128, 200, ""),
        (129, 431, "too-large"),
        (257, 431, "too-large"),
        (5000, 431, "too-large"),
    ] {
        let mut raw = gateway.raw().await;
        raw.send(fields(&bearer, count)).await;
        let answer = raw.answer().await.unwrap();
        assert_eq!(
            (answer.status, answer.slug().as_str()),
            (status, slug),
            "{count}"
        );
    }
}

#[tokio::test]
async fn a_head_of_too_many_bytes_is_431() {
    let gateway = Gateway::start().await;
    let bearer = bearer(&gateway);
    for size in [64 * 1024, 1024 * 1024] {
        let mut raw = gateway.raw().await;
        let long = "x".repeat(size);
        raw.send(format!(
            "GET {ECHO} HTTP/1.1\r\nHost: x\r\n{bearer}X: {long}\r\n\r\n"
        ))
        .await;
        // A head that is still being sent when it is refused may be cut off instead.
        if let Some(answer) = raw.answer().await {
            assert_eq!(answer.status, 431);
        }
        let mut raw = gateway.raw().await;
        raw.send(format!(
            "GET {ECHO}?{long} HTTP/1.1\r\nHost: x\r\n{bearer}\r\n"
        ))
        .await;
        if let Some(answer) = raw.answer().await {
            assert!(matches!(answer.status, 414 | 431), "{}", answer.status);
        }
    }
    assert_eq!(gateway.received(ECHO).len(), 0);
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_whether_declared_or_streamed() {
    let gateway = Gateway::configured(|config| config.listen.limits.body = 1000).await;
    let token = gateway.issuer.token("alice");
    let answer = gateway
        .post(ECHO, &token)
        .body(vec![b'x'; 1000])
        .send()
        .await;
    assert_eq!(answer.unwrap().status(), 200);
    let answer = gateway
        .post(ECHO, &token)
        .body(vec![b'x'; 1001])
        .send()
        .await;
    assert_eq!(slug(answer.unwrap()).await, "too-large");
    assert_eq!(gateway.received(ECHO).len(), 1);

    let mut raw = gateway.raw().await;
    let (bearer, chunk) = (bearer(&gateway), "x".repeat(501));
    raw.send(format!(
        "POST {ECHO} HTTP/1.1\r\nHost: x\r\n{bearer}Transfer-Encoding: chunked\r\n\r\n1f5\r\n{chunk}\r\n1f5\r\n{chunk}\r\n"
    ))
    .await;
    let answer = raw.answer().await.unwrap();
    assert_eq!((answer.status, answer.slug().as_str()), (413, "too-large"));
}

#[tokio::test]
async fn a_declared_size_is_refused_before_any_of_it_is_sent() {
    let gateway = Gateway::configured(|config| config.listen.limits.body = 1000).await;
    let mut raw = gateway.raw().await;
    let bearer = bearer(&gateway);
    raw.send(format!(
        "POST {ECHO} HTTP/1.1\r\nHost: x\r\n{bearer}Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n"
    ))
    .await;
    assert_eq!(raw.answer().await.unwrap().status, 413);
    assert_eq!(gateway.received(ECHO).len(), 0);
}

fn impatient(config: &mut Config) {
    let limits = &mut config.listen.limits;
    limits.header_timeout = Duration::from_millis(200);
    limits.idle_timeout = Duration::from_millis(200);
}

#[tokio::test]
async fn a_head_that_does_not_come_closes_the_connection() {
    let gateway = Gateway::configured(impatient).await;
    for begun in [
        "",
        "G",
        "GET / HTTP/1.1\r\nHost: x\r\nX-",
        "PRI * HTTP/2.0\r\n",
    ] {
        let mut raw = gateway.raw().await;
        raw.send(begun).await;
        assert!(raw.closes_within(BOUND).await, "{begun:?}");
    }
}

#[tokio::test]
async fn a_head_that_comes_in_drops_closes_the_connection() {
    let gateway = Gateway::configured(impatient).await;
    let mut raw = gateway.raw().await;
    raw.send("GET / HTTP/1.1\r\nHost: x\r\nX-Drops: ").await;
    let dripping = async {
        while raw.send("x").await && !raw.closes_within(Duration::from_millis(20)).await {}
    };
    tokio::time::timeout(BOUND, dripping)
        .await
        .expect("closed while dripping");
}

#[tokio::test]
async fn an_idle_connection_closes_and_a_busy_one_does_not() {
    let gateway = Gateway::configured(impatient).await;
    let bearer = bearer(&gateway);
    let request = format!("GET {ECHO} HTTP/1.1\r\nHost: x\r\n{bearer}\r\n");
    let mut idle = gateway.raw().await;
    idle.send(&request).await;
    assert_eq!(idle.answer().await.unwrap().status, 200);

    let latch = Latch::new();
    gateway
        .rc
        .fault(Fault::times(ECHO, 1, FaultKind::HoldAnswer(latch.clone())));
    let mut busy = gateway.raw().await;
    busy.send(&request).await;
    gateway.rc.until_called("GET", ECHO, 2).await;
    assert!(idle.closes_within(BOUND).await);
    // An idle connection that is opened now and closed again shows that the busy one outlived the limit.
    let mut later = gateway.raw().await;
    later.send(&request).await;
    assert_eq!(later.answer().await.unwrap().status, 200);
    assert!(later.closes_within(BOUND).await);
    latch.open();
    assert_eq!(busy.answer().await.unwrap().status, 200);
}

#[tokio::test]
async fn an_open_socket_is_not_idle() {
    let gateway = Gateway::configured(impatient).await;
    let mut socket = gateway.raw().await;
    socket.send(upgrade(&bearer(&gateway))).await;
    assert_eq!(socket.answer().await.unwrap().status, 101);
    for _ in 0..2 {
        let mut other = gateway.raw().await;
        assert!(other.closes_within(BOUND).await);
    }
    assert_eq!(gateway.rc.sockets(), 1);
}

fn one_second_for_rocketchat(config: &mut Config) {
    impatient(config);
    config.listen.limits.body_timeout = Duration::from_secs(1);
    config.listen.limits.send_timeout = Duration::from_secs(1);
    config.rocketchat.timeouts.response_header = Duration::from_secs(1);
    config.rocketchat.timeouts.call = Duration::from_secs(2);
    config.rocketchat.minting.queue_timeout = Duration::from_secs(1);
}

#[tokio::test]
async fn a_body_that_stands_still_is_given_up() {
    let gateway = Gateway::configured(one_second_for_rocketchat).await;
    let bearer = bearer(&gateway);
    // Streamed, and read before it is sent on.
    for path in [ECHO, "/api/v1/method.call/x"] {
        let mut raw = gateway.raw().await;
        raw.send(format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\n{bearer}Content-Length: 10\r\n\r\nabc"
        ))
        .await;
        let answer = raw.answer().await.unwrap();
        assert_eq!(
            (answer.status, answer.slug().as_str()),
            (400, "bad-request"),
            "{path}"
        );
        assert!(raw.closes_within(BOUND).await, "{path}");
    }
}

#[tokio::test]
async fn a_body_that_moves_may_take_longer_than_an_answer() {
    let gateway = Gateway::configured(one_second_for_rocketchat).await;
    let bearer = bearer(&gateway);
    let mut raw = gateway.raw().await;
    raw.send(format!(
        "POST {ECHO} HTTP/1.1\r\nHost: x\r\n{bearer}Content-Length: 25\r\n\r\n"
    ))
    .await;
    for _ in 0..25 {
        raw.send("x").await;
        assert!(!raw.closes_within(Duration::from_millis(100)).await);
    }
    assert_eq!(raw.answer().await.unwrap().status, 200);
}

#[tokio::test]
async fn a_slow_rocketchat_is_504() {
    let gateway = Gateway::configured(one_second_for_rocketchat).await;
    let token = gateway.issuer.token("alice");
    gateway.rc.fault(Fault::always(ECHO, FaultKind::HalfOpen));
    let answer = gateway.get(ECHO, &token).send().await.unwrap();
    assert_eq!(slug(answer).await, "upstream-timeout");
    let answer = gateway
        .post(ECHO, &token)
        .body("whole")
        .send()
        .await
        .unwrap();
    assert_eq!(slug(answer).await, "upstream-timeout");
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_given_up() {
    let gateway = Gateway::configured(one_second_for_rocketchat).await;
    let bearer = bearer(&gateway);
    let mut raw = gateway.raw().await;
    raw.send(format!(
        "GET /api/v1/gantry-test.stream?chunks=512&size=1048576 HTTP/1.1\r\nHost: x\r\n{bearer}\r\n"
    ))
    .await;
    // Nothing is read here until Gantry counts no open connection any more.
    gateway
        .rc
        .until_called("GET", "/api/v1/gantry-test.stream", 1)
        .await;
    let closed = async {
        while gateway.metric("gantry_connections ").await > 0.0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(BOUND, closed).await.expect("given up");
    let taken = raw.rest().await.len();
    assert!(taken < 512 << 20, "{taken}");
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_a_place() {
    let gateway = Gateway::configured(|config| config.listen.limits.connections = 2).await;
    let request = format!("GET {ECHO} HTTP/1.1\r\nHost: x\r\n{}\r\n", bearer(&gateway));
    let (mut one, mut two) = (gateway.raw().await, gateway.raw().await);
    for raw in [&mut one, &mut two] {
        raw.send(&request).await;
        assert_eq!(raw.answer().await.unwrap().status, 200);
    }
    let mut third = gateway.raw().await;
    third
        .send(request.replacen(ECHO, "/api/v1/rooms.get", 1))
        .await;
    for _ in 0..20 {
        one.send(&request).await;
        assert_eq!(one.answer().await.unwrap().status, 200);
    }
    assert_eq!(gateway.received("/api/v1/rooms.get").len(), 0);
    drop(two);
    assert_eq!(third.answer().await.unwrap().status, 200);
}
