//! Streams that an HTTP/2 client resets (CVE-2023-44487).

use std::net::IpAddr;

use gantry::config::Config;
use lookalike::{Fault, FaultKind, Latch};

use crate::limits::stage::{ATTACKER, ECHO, attack, attacker, bearer, reached, until_reached};
use crate::support::frames::{
    END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE, RST_STREAM, SETTINGS, frame, next_frame,
    request,
};
use crate::support::gateway::Gateway;
use crate::support::raw::Raw;

fn ten(config: &mut Config) {
    config.listen.limits.resets_per_second = 10;
}

async fn begin(gateway: &Gateway) -> Raw {
    let mut raw = attacker(gateway).await;
    raw.send(PREFACE).await;
    raw.send(frame(SETTINGS, 0, 0, &[])).await;
    raw
}

/// Asks, waits until Rocket.Chat has been asked, and takes it back; as often as this, or as it is let.
async fn ask_and_reset(gateway: &Gateway, raw: &mut Raw, times: u32) {
    let fields = request("GET", ECHO, &bearer(gateway));
    for number in 0..times {
        let stream = 2 * number + 1;
        let flags = END_STREAM | END_HEADERS;
        raw.send(frame(HEADERS, flags, stream, &fields)).await;
        let asked = usize::try_from(number).unwrap() + 1;
        gateway.rc.until_called("GET", ECHO, asked).await;
        raw.send(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()))
            .await;
    }
}

#[tokio::test]
async fn a_flood_of_resets_while_requests_are_handled_ends_its_connection() {
    let gateway = Gateway::configured(ten).await;
    let held = Fault::always(ECHO, FaultKind::HoldAnswer(Latch::new()));
    gateway.rc.fault(held);
    let ended = attack(&gateway, async {
        let mut raw = begin(&gateway).await;
        // The limit comes back while this goes on, so more than its number is needed; all at once would be h2's own to refuse.
        ask_and_reset(&gateway, &mut raw, 10).await;
        let late = frame(RST_STREAM, 0, 1, &8_u32.to_be_bytes());
        while reached(&gateway, "resets").await < 1.0 {
            raw.send(&late).await;
            raw.send(&late).await;
        }
        raw
    });
    let mut raw = ended.await;
    // It is told so, unless what it sent last makes the system drop what it was told.
    while let Some(frame) = next_frame(&mut raw).await {
        if frame.kind == GOAWAY {
            assert_eq!(frame.payload[4..8], 11_u32.to_be_bytes());
        }
    }
    assert_eq!(reached(&gateway, "resets").await, 1.0);
}

#[tokio::test]
async fn a_client_that_takes_a_few_requests_back_is_served_on() {
    let gateway = Gateway::configured(ten).await;
    let latch = Latch::new();
    gateway
        .rc
        .fault(Fault::always(ECHO, FaultKind::HoldAnswer(latch.clone())));
    let mut raw = begin(&gateway).await;
    ask_and_reset(&gateway, &mut raw, 5).await;
    latch.open();
    let fields = request("GET", ECHO, &bearer(&gateway));
    raw.send(frame(HEADERS, END_STREAM | END_HEADERS, 101, &fields))
        .await;
    let answered = loop {
        let frame = next_frame(&mut raw).await.expect("the connection goes on");
        if frame.stream == 101 {
            break frame;
        }
    };
    assert_eq!(answered.kind, HEADERS);
    assert_eq!(reached(&gateway, "resets").await, 0.0);
}

#[tokio::test]
async fn a_proxy_that_carries_everybody_carries_everybodys_resets() {
    let gateway = Gateway::configured(|config| {
        config.listen.limits.resets_per_second = 1;
        config.listen.trusted_proxies = vec![IpAddr::from(ATTACKER).into()];
    })
    .await;
    let latch = Latch::new();
    gateway
        .rc
        .fault(Fault::always(ECHO, FaultKind::HoldAnswer(latch.clone())));
    let mut raw = begin(&gateway).await;
    ask_and_reset(&gateway, &mut raw, 15).await;
    assert_eq!(reached(&gateway, "resets").await, 0.0);
    // Somebody else is held.
    let mut raw = Raw::connect(gateway.address()).await;
    raw.send(PREFACE).await;
    raw.send(frame(SETTINGS, 0, 0, &[])).await;
    let fields = request("GET", "/api/v1/me", &bearer(&gateway));
    let mut flood = Vec::new();
    for number in 0..10 {
        let stream = 2 * number + 1;
        flood.extend(frame(HEADERS, END_STREAM | END_HEADERS, stream, &fields));
        flood.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
    }
    raw.send(&flood).await;
    until_reached(&gateway, "resets", 1.0).await;
}
