//! Connections at a stop: what a client has begun is answered, and what it keeps is closed where it costs it least.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use lookalike::{Fault, FaultKind, Latch};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::drain::{ECHO, PATIENCE, until_refused, until_unready};
use crate::filter::asking::{Sent, enable, grpc, with_secret};
use crate::support::gateway::{Gateway, client};
use crate::support::http::{h2c, json, request, whole};
use crate::support::issuer::Issuer;
use crate::support::raw::Raw;
use crate::tls::stage::{BOTH, NAME, Papers, http1};

const DELAY: Duration = Duration::from_secs(5);

fn asked(issuer: &Issuer, name: &str) -> String {
    Sent::get(ECHO).bearer(&issuer.token(name)).direct()
}

#[tokio::test]
async fn a_connection_in_the_kernels_queue_is_served() {
    let gateway = Gateway::start().await;
    let mut queued = Vec::new();
    for number in 0..20 {
        // Without a moment for the listener in between.
        let mut stream = std::net::TcpStream::connect(gateway.address()).unwrap();
        let request = asked(&gateway.issuer, &format!("person{number}"));
        stream.write_all(request.as_bytes()).unwrap();
        queued.push(stream);
    }
    let stopping = tokio::spawn(gateway.running.stop());
    for stream in queued {
        let mut raw = Raw::of(stream);
        let answer = raw.answer().await.expect("an answer");
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("connection"), Some("close"));
        assert_eq!(raw.rest().await, b"");
    }
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_client_that_has_said_nothing_yet_is_heard() {
    let gateway = Gateway::start().await;
    let (mut raw, mut silent) = (gateway.raw().await, gateway.raw().await);
    let address = gateway.address();
    let stopping = tokio::spawn(gateway.running.stop());
    until_refused(address).await;
    raw.send(asked(&gateway.issuer, "alice")).await;
    let answer = raw.answer().await.expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("connection"), Some("close"));
    // One that goes on to say nothing does not keep the others waiting for as long as a head may take.
    assert_eq!(silent.rest().await, b"");
    stopping.await.unwrap();
}

#[tokio::test]
async fn half_a_head_on_a_kept_connection_may_be_finished() {
    let gateway = Gateway::start().await;
    let mut raw = gateway.raw().await;
    let request = asked(&gateway.issuer, "alice");
    raw.send(&request).await;
    let answer = raw.answer().await.unwrap();
    assert_eq!((answer.status, answer.header("connection")), (200, None));
    let (first, second) = request.split_at(40);
    raw.send(first).await;
    // The connection has read it when it has served another one since.
    let warm = gateway.get(ECHO, &gateway.issuer.token("bob")).send();
    assert_eq!(warm.await.unwrap().status(), 200);
    let address = gateway.address();
    let stopping = tokio::spawn(gateway.running.stop());
    until_refused(address).await;
    raw.send(second).await;
    let answer = raw.answer().await.expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("connection"), Some("close"));
    stopping.await.unwrap();
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_waited_for_by_nobody() {
    let gateway = Gateway::start().await;
    let mut raw = gateway.raw().await;
    raw.send(asked(&gateway.issuer, "alice")).await;
    assert_eq!(raw.answer().await.unwrap().status, 200);
    // Time on the clock stands still: a stop that waited for anything would not end.
    gateway.running.stop().await;
    assert_eq!(raw.rest().await, b"");
}

#[tokio::test]
async fn during_the_delay_everybody_is_served_and_asked_to_come_back_elsewhere() {
    let gateway = Gateway::configured(|config| config.listen.drain.delay = DELAY).await;
    let (mut kept, mut idle) = (gateway.raw().await, gateway.raw().await);
    for raw in [&mut kept, &mut idle] {
        raw.send(asked(&gateway.issuer, "alice")).await;
        let answer = raw.answer().await.unwrap();
        assert_eq!((answer.status, answer.header("connection")), (200, None));
    }
    let (address, admin) = (gateway.address(), gateway.running.admin_address());
    let stopping = tokio::spawn(gateway.running.stop());
    assert_eq!(
        until_unready(admin).await,
        "service: the service is stopping\n"
    );
    // On a kept connection, and on a new one by somebody new.
    for (raw, name) in [
        (&mut kept, "alice"),
        (&mut Raw::connect(address).await, "bob"),
    ] {
        raw.send(asked(&gateway.issuer, name)).await;
        let answer = raw.answer().await.expect("an answer");
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("connection"), Some("close"));
        assert_eq!(raw.rest().await, b"");
    }
    assert!(!stopping.is_finished());
    gateway.hand.advance(DELAY);
    stopping.await.unwrap();
    assert_eq!(idle.rest().await, b"");
    until_refused(address).await;
}

#[tokio::test]
async fn a_connection_of_http2_finishes_what_runs_and_begins_nothing() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let mut connection = h2c(&gateway).await;
    let latch = Latch::new();
    let hold = FaultKind::Hold(latch.clone());
    gateway.rc.fault(Fault::times(ECHO, 1, hold));
    let running = connection.send_request(request(&gateway, ECHO, &token, whole("one")));
    let running = tokio::spawn(running);
    latch.until_arrived(1).await;
    let (address, url) = (gateway.address(), gateway.url(ECHO));
    let other = || Request::post(&url).body(whole("two")).unwrap();
    let stopping = tokio::spawn(gateway.running.stop());
    until_refused(address).await;
    // Until it is told to go away, it may begin something; then it may not, and what runs is finished.
    let told = async { while connection.send_request(other()).await.is_ok() {} };
    timeout(PATIENCE, told)
        .await
        .expect("it is told to go away");
    latch.open();
    let (status, said) = json(running.await.unwrap().unwrap()).await;
    assert_eq!((status.as_u16(), &said["length"]), (200, &3.into()));
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_handshake_of_tls_that_is_under_way_is_finished() {
    let papers = Papers::new();
    let gateway = papers.gateway().await;
    let token = gateway.issuer.token("alice");
    let asked = request(&gateway, ECHO, &token, whole("asked"));
    let address = gateway.address();
    let stream = TcpStream::connect(address).await.unwrap();
    let stopping = tokio::spawn(gateway.running.stop());
    until_refused(address).await;
    let client = TlsConnector::from(Arc::new(papers.client(BOTH, None)));
    let name = ServerName::try_from(NAME).unwrap();
    let stream = client.connect(name, stream).await.unwrap();
    let answer = http1(stream).await.send_request(asked).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["connection"], "close");
    stopping.await.unwrap();
}

#[tokio::test]
async fn the_grpc_listener_answers_during_the_delay_and_then_finishes() {
    let gateway = Gateway::configured(|config| {
        enable(config);
        config.listen.drain.delay = DELAY;
    })
    .await;
    let mut asking = grpc(&gateway).await;
    let admin = gateway.running.admin_address();
    let grpc_address = gateway.running.grpc_address().unwrap();
    let sent = Sent::get(ECHO).bearer(&gateway.issuer.token("alice"));
    let stopping = tokio::spawn(gateway.running.stop());
    until_unready(admin).await;
    asking.check(with_secret(sent.message())).await.unwrap();
    let latch = Latch::new();
    let hold = FaultKind::Hold(latch.clone());
    gateway
        .rc
        .fault(Fault::times("/api/v1/users.createToken", 1, hold));
    let new = Sent::get(ECHO).bearer(&gateway.issuer.token("bob"));
    let mut other = asking.clone();
    let running = tokio::spawn(async move { other.check(with_secret(new.message())).await });
    latch.until_arrived(1).await;
    gateway.hand.advance(DELAY);
    until_refused(grpc_address).await;
    assert!(!stopping.is_finished());
    latch.open();
    running.await.unwrap().unwrap();
    stopping.await.unwrap();
    client()
        .get(format!("http://{grpc_address}"))
        .send()
        .await
        .unwrap_err();
}
