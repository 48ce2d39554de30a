//! Collectors that hang, refuse or are away: requests do not feel it, and what is lost is counted and said.

use std::time::Duration;

use gantry::config::telemetry::OtlpProtocol;
use tokio::time::{sleep, timeout};

use super::receiver::{Mood, Receiver};
use super::stage::{Told as _, traced, traced_by};
use crate::support::eventually::eventually;
use crate::support::gateway::Gateway;

const DROPPED: &str = "gantry_spans_dropped_total ";

/// Requests whose spans are more than the queue and one batch hold: each has two or more.
const MANY: usize = 1400;

const BOTH: [OtlpProtocol; 2] = [OtlpProtocol::Http, OtlpProtocol::Grpc];

/// So many requests, four at a time.
async fn burst(gateway: &Gateway, path: &str, requests: usize) {
    let token = gateway.issuer.token("alice");
    let url = gateway.url(path);
    let asking = (0..4).map(|_| {
        let (client, url, token) = (gateway.client.clone(), url.clone(), token.clone());
        tokio::spawn(async move {
            for _ in 0..requests / 4 {
                let answer = client.get(&url).bearer_auth(&token).send().await.unwrap();
                assert_eq!(answer.status(), 200);
            }
        })
    });
    for asked in asking.collect::<Vec<_>>() {
        asked.await.unwrap();
    }
}

async fn until_dropped(gateway: &Gateway, more_than: f64) -> f64 {
    let waiting = async {
        loop {
            let dropped = gateway.metric(DROPPED).await;
            if dropped > more_than {
                return dropped;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let in_time = timeout(Duration::from_secs(60), waiting).await;
    in_time.expect("spans are counted as dropped")
}

/// Waits until so many requests to this path have been taken.
async fn until_told(receiver: &Receiver, path: &str, requests: usize) {
    let told = || {
        let spans = receiver.spans().into_iter();
        let of_path = spans.filter(|span| span.attribute("url.path").as_deref() == Some(path));
        of_path.count()
    };
    eventually("spans of all requests", || told() == requests).await;
}

async fn hanging(protocol: OtlpProtocol) {
    let (gateway, receiver) = traced_by(protocol, |_| {}).await;
    receiver.turn(Mood::Hanging);
    // If requests waited for the collector, this would never end.
    burst(&gateway, "/api/v1/rooms.get", MANY).await;
    until_dropped(&gateway, 0.0).await;
    timeout(Duration::from_secs(60), gateway.running.stop())
        .await
        .expect("the stop waits a few seconds at most");
}

#[tokio::test]
async fn a_collector_over_http_that_hangs_slows_no_request_and_no_stop() {
    hanging(OtlpProtocol::Http).await;
}

#[tokio::test]
async fn a_collector_over_grpc_that_hangs_slows_no_request_and_no_stop() {
    hanging(OtlpProtocol::Grpc).await;
}

#[tokio::test]
async fn a_batch_that_a_busy_collector_refuses_is_sent_again() {
    for protocol in BOTH {
        let (gateway, receiver) = traced_by(protocol, |_| {}).await;
        receiver.turn(Mood::Busy);
        burst(&gateway, "/api/v1/rooms.get", 4).await;
        eventually("a refusal", || !receiver.refused().is_empty()).await;
        receiver.turn(Mood::Well);
        until_told(&receiver, "/api/v1/rooms.get", 4).await;
        let told = receiver.spans();
        assert!(receiver.refused().iter().all(|span| told.contains(span)));
        assert_eq!(gateway.metric(DROPPED).await, 0.0);
    }
}

#[tokio::test]
async fn a_batch_that_a_collector_does_not_want_is_counted_and_not_sent_again() {
    for protocol in BOTH {
        let (gateway, receiver) = traced_by(protocol, |_| {}).await;
        receiver.turn(Mood::Refusing);
        burst(&gateway, "/api/v1/rooms.get", 4).await;
        until_dropped(&gateway, 0.0).await;
        receiver.turn(Mood::Well);
        burst(&gateway, "/api/v1/subscriptions.get", 4).await;
        until_told(&receiver, "/api/v1/subscriptions.get", 4).await;
        let (told, refused) = (receiver.spans(), receiver.refused());
        assert!(refused.iter().all(|span| !told.contains(span)));
        assert_eq!(gateway.metric(DROPPED).await, refused.len() as f64);
    }
}

#[tokio::test]
async fn what_a_collector_leaves_out_of_a_batch_is_counted() {
    for protocol in BOTH {
        let (gateway, receiver) = traced_by(protocol, |_| {}).await;
        receiver.turn(Mood::Picky(3));
        burst(&gateway, "/api/v1/rooms.get", 4).await;
        assert_eq!(until_dropped(&gateway, 0.0).await % 3.0, 0.0);
    }
}

#[tokio::test]
async fn a_collector_s_trouble_is_said_once_and_so_is_its_end() {
    let (gateway, receiver) = traced().await;
    receiver.turn(Mood::Refusing);
    burst(&gateway, "/api/v1/rooms.get", 4).await;
    let first = until_dropped(&gateway, 0.0).await;
    burst(&gateway, "/api/v1/rooms.get", 4).await;
    until_dropped(&gateway, first).await;
    receiver.turn(Mood::Well);
    burst(&gateway, "/api/v1/subscriptions.get", 4).await;
    gateway
        .log
        .until_line(&["the collector takes spans again"])
        .await;
    let log = gateway.log.text();
    assert_eq!(log.matches("spans are dropped").count(), 1, "{log}");
}

#[tokio::test]
async fn a_collector_that_is_away_harms_nobody() {
    // Nobody listens on the port of a socket that is closed again.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let (gateway, _) = traced_by(OtlpProtocol::Grpc, |config| {
        config.telemetry.traces.as_mut().unwrap().endpoint = endpoint.parse().unwrap();
    })
    .await;
    burst(&gateway, "/api/v1/rooms.get", 4).await;
    let log = gateway.log.clone();
    gateway.running.stop().await;
    log.until_line(&["spans are dropped", "unreachable"]).await;
}
