//! Stopping: what runs is finished, sockets are told, tokens are kept or given back as configured.

mod connections;
mod sockets;

use std::net::SocketAddr;
use std::time::Duration;

use lookalike::{Fault, FaultKind, Latch};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::eventually::{eventually, in_time};
use crate::support::gateway::{Gateway, client};
use crate::support::socket::Socket;

const ECHO: &str = "/api/v1/gantry-test.echo";

/// Far above what anything here needs.
const PATIENCE: Duration = Duration::from_secs(30);

async fn connected(gateway: &Gateway, name: &str) -> Socket {
    let mut socket = Socket::open(gateway, &gateway.issuer.token(name)).await;
    socket.connect_ddp().await;
    socket
}

#[tokio::test]
async fn a_running_request_is_finished_and_nothing_new_is_accepted() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let latch = Latch::new();
    gateway
        .rc
        .fault(Fault::times(ECHO, 1, FaultKind::Hold(latch.clone())));
    let running = tokio::spawn(gateway.post(ECHO, &token).body("before the end").send());
    latch.until_arrived(1).await;
    let (address, admin) = (gateway.address(), gateway.running.admin_address());
    let stopping = tokio::spawn(gateway.running.stop());
    assert_eq!(
        until_unready(admin).await,
        "service: the service is stopping\n"
    );
    until_refused(address).await;
    assert!(!stopping.is_finished());
    latch.open();
    let answer = running.await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    let said: Value = answer.json().await.unwrap();
    assert_eq!(said["length"], json!("before the end".len()));
    stopping.await.unwrap();
    assert!(
        client()
            .get(format!("http://{admin}/livez"))
            .send()
            .await
            .is_err()
    );
}

#[tokio::test]
async fn sockets_are_told_to_come_back_and_their_tokens_are_kept() {
    let gateway = Gateway::start().await;
    let mut sockets = [
        connected(&gateway, "alice").await,
        connected(&gateway, "bob").await,
    ];
    gateway.running.stop().await;
    for socket in &mut sockets {
        assert_eq!(socket.closed().await, Some(1001));
    }
    eventually("no socket is left at Rocket.Chat", || {
        gateway.rc.sockets() == 0
    })
    .await;
    assert_eq!(gateway.rc.live_tokens("alice").len(), 1);
    assert_eq!(gateway.rc.live_tokens("bob").len(), 1);
}

#[tokio::test]
async fn everybody_is_logged_out_at_the_end_when_so_configured() {
    let gateway = Gateway::configured(|config| config.sessions.logout_on_shutdown = true).await;
    let mut socket = connected(&gateway, "alice").await;
    let token = gateway.issuer.token("bob");
    gateway.get(ECHO, &token).send().await.unwrap();
    let rc = gateway.rc.clone();
    gateway.running.stop().await;
    assert_eq!(socket.closed().await, Some(4401));
    assert_eq!(rc.live_tokens("alice"), Vec::<String>::new());
    assert_eq!(rc.live_tokens("bob"), Vec::<String>::new());
    assert!(gateway.log.text().contains("\"cause\":\"shutdown\""));
}

#[tokio::test]
async fn an_exchange_that_runs_at_the_end_leaves_no_token_without_a_keeper() {
    let gateway = Gateway::configured(|config| config.sessions.logout_on_shutdown = true).await;
    let token = gateway.issuer.token("alice");
    let latch = Latch::new();
    let minting = Fault::times(
        "/api/v1/users.createToken",
        1,
        FaultKind::Hold(latch.clone()),
    );
    gateway.rc.fault(minting);
    let running = tokio::spawn(gateway.get(ECHO, &token).send());
    latch.until_arrived(1).await;
    let rc = gateway.rc.clone();
    let stopping = tokio::spawn(gateway.running.stop());
    latch.open();
    stopping.await.unwrap();
    // Whether it got its answer before the end is a matter of luck; that nothing is left behind is not.
    let _answer = running.await.unwrap();
    assert_eq!(rc.calls("POST", "/api/v1/users.createToken"), 1);
    assert_eq!(rc.live_tokens("alice"), Vec::<String>::new());
}

/// Waits until nothing is accepted any more.
async fn until_refused(address: SocketAddr) {
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    timeout(PATIENCE, refused)
        .await
        .expect("it stops accepting");
}

/// Waits until the admin listener says that it stops.
async fn until_unready(admin: SocketAddr) -> String {
    let unready = async {
        loop {
            let asked = client().get(format!("http://{admin}/readyz")).send().await;
            let asked = asked.unwrap();
            if asked.status() == 503 {
                return asked.text().await.unwrap();
            }
        }
    };
    timeout(PATIENCE, unready).await.expect("it is not ready")
}

#[tokio::test]
async fn told_a_second_time_it_closes_sockets_and_cuts_what_runs() {
    let gateway = Gateway::configured(|config| {
        config.listen.drain.spread = Duration::from_secs(10);
        config.listen.drain.delay = Duration::from_secs(5);
    })
    .await;
    let mut sockets = Vec::new();
    for name in ["alice", "carol", "dave"] {
        sockets.push(connected(&gateway, name).await);
    }
    let latch = Latch::new();
    let hold = FaultKind::Hold(latch.clone());
    gateway.rc.fault(Fault::times(ECHO, 1, hold));
    let token = gateway.issuer.token("bob");
    let running = tokio::spawn(gateway.get(ECHO, &token).send());
    latch.until_arrived(1).await;
    gateway.running.stop_or_hurry(std::future::ready(())).await;
    for socket in &mut sockets {
        assert_eq!(socket.closed().await, Some(1001));
    }
    running.await.unwrap().unwrap_err();
    let said = gateway.log.text();
    assert!(said.contains("told to stop a second time"), "{said}");
    assert!(!said.contains("still owed"), "{said}");
    assert!(said.contains("gantry stopped"), "{said}");
}

#[tokio::test]
async fn told_a_second_time_it_tries_owed_logouts_for_a_moment_and_says_how_many_are_lost() {
    let gateway = Gateway::start().await;
    for name in ["alice", "bob"] {
        let token = gateway.issuer.token(name);
        gateway.get(ECHO, &token).send().await.unwrap();
        let failing = FaultKind::Status(500, String::new());
        gateway.rc.fault(Fault::always("/api/v1/logout", failing));
        let answer = gateway
            .post("/_gantry/logout", &token)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 204);
    }
    let hurry = std::future::ready(());
    let stopping = tokio::spawn(gateway.running.stop_or_hurry(hurry));
    let step = Duration::from_secs(1);
    in_time("the stop", &gateway.hand, step, || stopping.is_finished()).await;
    let owed = ["\"owed\":2", "nobody keeps them"];
    gateway.log.until_line(&owed).await;
}

#[tokio::test]
async fn at_the_end_of_its_time_it_closes_sockets_and_cuts_what_runs() {
    let gateway = Gateway::configured(|config| {
        config.listen.drain.spread = Duration::from_secs(20);
    })
    .await;
    let mut socket = connected(&gateway, "alice").await;
    let mut last = connected(&gateway, "carol").await;
    let latch = Latch::new();
    let hold = FaultKind::Hold(latch.clone());
    gateway.rc.fault(Fault::times(ECHO, 1, hold));
    let token = gateway.issuer.token("bob");
    let running = tokio::spawn(gateway.get(ECHO, &token).send());
    latch.until_arrived(1).await;
    let stopping = tokio::spawn(gateway.running.stop());
    assert_eq!(socket.closed().await, Some(1001));
    // Not a second before: the last two steps have two seconds each of the 25.
    gateway.hand.advance(Duration::from_secs(20));
    assert_eq!(last.closed().await, Some(1001));
    assert!(!stopping.is_finished() && !running.is_finished());
    gateway.hand.advance(Duration::from_secs(1));
    stopping.await.unwrap();
    running.await.unwrap().unwrap_err();
    let said = gateway.log.text();
    assert!(said.contains("listen.drain.timeout is over"), "{said}");
}
