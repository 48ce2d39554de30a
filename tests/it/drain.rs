//! Stopping: what runs is finished, sockets are told, tokens are kept or given back as configured.

use std::time::Duration;

use lookalike::{Fault, FaultKind, Latch};
use serde_json::{Value, json};

use crate::support::eventually::eventually;
use crate::support::gateway::{Gateway, client};
use crate::support::socket::Socket;

const ECHO: &str = "/api/v1/gantry-test.echo";

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
    let (url, admin) = (gateway.url(ECHO), gateway.running.admin_address());
    let stopping = tokio::spawn(gateway.running.stop());
    let unready = async {
        loop {
            let asked = client()
                .get(format!("http://{admin}/readyz"))
                .send()
                .await
                .unwrap();
            if asked.status() == 503 {
                return asked.text().await.unwrap();
            }
        }
    };
    assert_eq!(unready.await, "service: the service is stopping\n");
    let mut refused = false;
    while !refused {
        let asked = client()
            .get(&url)
            .timeout(Duration::from_secs(5))
            .send()
            .await;
        refused = asked.is_err_and(|error| error.is_connect());
    }
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

#[tokio::test]
async fn told_a_second_time_it_closes_sockets_and_cuts_what_runs() {
    let gateway = Gateway::start().await;
    let mut socket = connected(&gateway, "alice").await;
    let latch = Latch::new();
    let hold = FaultKind::Hold(latch.clone());
    gateway.rc.fault(Fault::times(ECHO, 1, hold));
    let token = gateway.issuer.token("bob");
    let _running = tokio::spawn(gateway.get(ECHO, &token).send());
    latch.until_arrived(1).await;
    gateway.running.stop_or_hurry(std::future::ready(())).await;
    assert_eq!(socket.closed().await, Some(1001));
    let said = gateway.log.text();
    assert!(said.contains("and were cut"), "{said}");
    assert!(!said.contains("the drain time was over"), "{said}");
    assert!(said.contains("gantry stopped"), "{said}");
}
