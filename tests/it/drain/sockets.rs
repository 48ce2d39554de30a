//! Sockets at a stop: each client is told at its own moment.

use std::time::Duration;

use crate::drain::connected;
use crate::support::eventually::eventually;
use crate::support::gateway::Gateway;

const COUNT: usize = 20;

#[tokio::test]
async fn sockets_are_closed_evenly_over_the_spread() {
    let gateway = Gateway::configured(|config| {
        config.listen.drain.spread = Duration::from_secs(10);
    })
    .await;
    let mut sockets = Vec::new();
    for number in 0..COUNT {
        sockets.push(connected(&gateway, &format!("person{number}")).await);
    }
    let (rc, hand) = (gateway.rc.clone(), gateway.hand.clone());
    assert_eq!(rc.sockets(), COUNT);
    let stopping = tokio::spawn(gateway.running.stop());
    // The first moment is the beginning.
    eventually("the first has left", || rc.sockets() == COUNT - 1).await;
    for second in 1..10 {
        hand.advance(Duration::from_secs(1));
        // Two in every second, one more or less.
        let due = COUNT - 2 * second;
        eventually("those whose moment has come have left", || {
            rc.sockets() <= due + 1
        })
        .await;
        // All that was woken has run by now.
        let left = rc.sockets();
        assert!(left + 2 >= due, "{left} are left after {second} s");
    }
    hand.advance(Duration::from_secs(1));
    stopping.await.unwrap();
    for socket in &mut sockets {
        assert_eq!(socket.closed().await, Some(1001));
    }
}

#[tokio::test]
async fn sockets_stay_and_new_ones_are_opened_during_the_delay() {
    let gateway = Gateway::configured(|config| {
        config.listen.drain.delay = Duration::from_secs(5);
    })
    .await;
    let mut before = connected(&gateway, "alice").await;
    // Keeps what the stop takes of it.
    let (address, issuer, hand) = (
        gateway.address(),
        gateway.issuer.clone(),
        gateway.hand.clone(),
    );
    let admin = gateway.running.admin_address();
    let stopping = tokio::spawn(gateway.running.stop());
    crate::drain::until_unready(admin).await;
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let token = issuer.token("bob");
    let mut during = crate::support::socket::Socket::over(stream, "/websocket", &token).await;
    during.connect_ddp().await;
    before.ping().await;
    during.ping().await;
    hand.advance(Duration::from_secs(5));
    assert_eq!(before.closed().await, Some(1001));
    assert_eq!(during.closed().await, Some(1001));
    stopping.await.unwrap();
}
