//! HTTP/2 frame by frame: for clients that no library would be.

use crate::support::gateway::Gateway;
use crate::support::raw::Raw;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// One frame that came.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// A frame (RFC 9113 §4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A field, literal and not indexed (RFC 7541 §6.2.2).
pub(crate) fn field(name: &str, value: &str) -> Vec<u8> {
    let mut field = vec![0];
    for text in [name, value] {
        // An integer with a prefix of seven bits (RFC 7541 §5.1).
        match text.len() {
            short @ ..127 => field.push(u8::try_from(short).unwrap()),
            mut long => {
                field.push(127);
                long -= 127;
                while long >= 128 {
                    field.push(u8::try_from(long % 128).unwrap() | 128);
                    long /= 128;
                }
                field.push(u8::try_from(long).unwrap());
            }
        }
        field.extend(text.as_bytes());
    }
    field
}

/// The fields of a request.
pub(crate) fn request(method: &str, path: &str, token: &str) -> Vec<u8> {
    let fields = [
        (":method", method),
        (":scheme", "http"),
        (":authority", "x"),
        (":path", path),
        ("authorization", token),
    ];
    fields
        .iter()
        .flat_map(|(name, value)| field(name, value))
        .collect()
}

/// A connection after the preface and these settings.
pub(crate) async fn begin(gateway: &Gateway, settings: &[u8]) -> Raw {
    let mut raw = gateway.raw().await;
    raw.send(PREFACE).await;
    raw.send(frame(SETTINGS, 0, 0, settings)).await;
    raw
}

/// The kinds of the frames in what came.
pub(crate) fn kinds(mut bytes: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let [a, b, c, kind, ..] = *bytes {
        kinds.push(kind);
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        bytes = bytes.get(9 + length..).unwrap_or_default();
    }
    kinds
}

/// The next frame, or `None` when the connection closed before it was whole.
pub(crate) async fn next_frame(raw: &mut Raw) -> Option<Frame> {
    let head: [u8; 9] = raw.bytes(9).await.try_into().ok()?;
    let [a, b, c, kind, flags, stream @ ..] = head;
    let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
    let payload = raw.bytes(length).await;
    (payload.len() == length).then_some(Frame {
        kind,
        flags,
        stream: u32::from_be_bytes(stream),
        payload,
    })
}
