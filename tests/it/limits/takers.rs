//! Answers that nobody takes: of a whole connection, and of one stream.

use std::time::Duration;

use crate::limits::stage::{
    ECHO, attack, attacker, bearer, get, impatient, reached, until_reached,
};
use crate::support::frames::{
    DATA, END_HEADERS, END_STREAM, HEADERS, RST_STREAM, WINDOW_UPDATE, begin, frame, next_frame,
    request,
};
use crate::support::gateway::Gateway;

/// Half a gibibyte.
const LARGE: &str = "/api/v1/gantry-test.stream?chunks=512&size=1048576";

/// Bytes that the whole of this process, Rocket.Chat's part included, may grow by for one answer that nobody takes.
const HELD: usize = 64 << 20;

/// Bytes of memory that this process has.
fn resident() -> usize {
    let sizes = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = sizes.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[tokio::test]
async fn an_answer_that_nobody_takes_holds_little_and_not_for_long() {
    let gateway = Gateway::configured(impatient).await;
    attack(&gateway, async {
        let mut raw = attacker(&gateway).await;
        raw.send(get(&gateway, ECHO)).await;
        assert_eq!(raw.answer().await.unwrap().status, 200);
        let before = resident();
        raw.send(get(&gateway, LARGE)).await;
        let mut most = 0;
        while reached(&gateway, "send-timeout").await < 1.0 {
            most = most.max(resident().saturating_sub(before));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(most < HELD, "{most} bytes are held");
        let taken = raw.rest().await.len();
        assert!(taken < 512 << 20, "{taken}");
    })
    .await;
    assert_eq!(reached(&gateway, "send-timeout").await, 1.0);
}

#[tokio::test]
async fn an_answer_that_is_taken_slowly_gets_through() {
    let gateway = Gateway::configured(impatient).await;
    let mut raw = gateway.raw().await;
    raw.send(get(
        &gateway,
        "/api/v1/gantry-test.stream?chunks=16&size=1048576",
    ))
    .await;
    let mut taken = 0;
    while taken < 16 << 20 {
        let piece = raw.bytes(1 << 20).await.len();
        assert!(piece > 0, "cut off after {taken} bytes");
        taken += piece;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(reached(&gateway, "send-timeout").await, 0.0);
}

#[tokio::test]
async fn cve_2026_49975_a_stream_without_room_is_reset_and_its_connection_goes_on() {
    let gateway = Gateway::configured(impatient).await;
    let bearer = bearer(&gateway);
    let fields = |path| request("GET", path, &bearer);
    let flags = END_STREAM | END_HEADERS;
    attack(&gateway, async {
        let mut raw = begin(&gateway, &[]).await;
        // Room for the connection, and none for its streams beyond the first 64 KiB of each.
        raw.send(frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 30).to_be_bytes()))
            .await;
        raw.send(frame(HEADERS, flags, 1, &fields(LARGE))).await;
        let (mut next, mut answered, mut taken) = (3, 0, 0);
        raw.send(frame(HEADERS, flags, next, &fields(ECHO))).await;
        loop {
            let got = next_frame(&mut raw).await.expect("the connection goes on");
            match (got.stream, got.kind) {
                (1, RST_STREAM) => break,
                (1, DATA) => taken += got.payload.len(),
                // Others are asked for, one after the other, and answered.
                (stream, DATA) if stream == next && got.flags & END_STREAM != 0 => {
                    answered += 1;
                    next += 2;
                    raw.send(frame(HEADERS, flags, next, &fields(ECHO))).await;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                _ => {}
            }
        }
        assert!(answered > 0);
        assert_eq!(taken, 65_535);
        // The one that was under way, and one more.
        for stream in [next, next + 2] {
            loop {
                let got = next_frame(&mut raw).await.expect("the connection goes on");
                if got.stream == stream && got.flags & END_STREAM != 0 {
                    break;
                }
            }
            raw.send(frame(HEADERS, flags, stream + 2, &fields(ECHO)))
                .await;
        }
    })
    .await;
    assert_eq!(reached(&gateway, "streams").await, 1.0);
    assert_eq!(reached(&gateway, "send-timeout").await, 0.0);
}

#[tokio::test]
async fn a_stream_without_room_for_the_last_of_its_answer_is_reset_too() {
    let gateway = Gateway::configured(impatient).await;
    let bearer = bearer(&gateway);
    let one_piece = "/api/v1/gantry-test.stream?chunks=1&size=10000";
    let mut times = 0.0;
    // No byte of any answer, and one (RFC 9113 §6.5.2).
    for (room, path) in [
        (0, ECHO),
        (0, "/_gantry/gantry.js"),
        (1, "/_gantry/gantry.js"),
        (1, one_piece),
        (9_000, one_piece),
    ] {
        let window = [&[0, 4][..], &u32::to_be_bytes(room)].concat();
        let mut raw = begin(&gateway, &window).await;
        let fields = request("GET", path, &bearer);
        raw.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, &fields))
            .await;
        times += 1.0;
        until_reached(&gateway, "streams", times).await;
    }
}

#[tokio::test]
async fn a_stream_that_is_taken_slowly_goes_on() {
    let gateway = Gateway::configured(impatient).await;
    let mut raw = begin(&gateway, &[]).await;
    let fields = request("GET", LARGE, &bearer(&gateway));
    raw.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, &fields))
        .await;
    // Far less in each step than Rocket.Chat sends at a time, and longer in all than a client may take nothing.
    const STEP: u32 = 16 * 1024;
    let (mut room, mut taken) = (65_535, 0);
    for _ in 0..15 {
        while taken < room {
            let got = next_frame(&mut raw).await.expect("the connection goes on");
            assert_ne!(got.kind, RST_STREAM);
            if got.kind == DATA {
                taken += got.payload.len();
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        for stream in [0, 1] {
            let more = frame(WINDOW_UPDATE, 0, stream, &STEP.to_be_bytes());
            raw.send(more).await;
        }
        room += 16 * 1024;
    }
    assert_eq!(reached(&gateway, "streams").await, 0.0);
}
