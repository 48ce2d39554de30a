//! Frames of RFC 6455, written and read back without Gantry's codec.

pub(crate) const TEXT: u8 = 1;
pub(crate) const CLOSE: u8 = 8;
const CONTINUATION: u8 = 0;

/// The mask's key of the frames written here: without a zero, so that a payload left masked is seen.
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Whose frames they are: clients mask, servers do not (§5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// A frame as it stands on the wire, unmasked.
struct Frame {
    fin: bool,
    opcode: u8,
    payload: Vec<u8>,
}

/// A message or control frame. Where it stands is no part of what it is.
#[derive(Debug)]
pub(crate) struct Message {
    /// Where its first frame begins in the stream.
    pub(crate) start: usize,
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
}

impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        (self.opcode, &self.payload) == (other.opcode, &other.payload)
    }
}

/// What is to be found in a stream.
pub(crate) struct Stream<'a> {
    /// Whole messages and control frames.
    pub(crate) messages: Vec<Message>,
    /// The text of a message whose end has not come.
    pub(crate) unfinished: Vec<u8>,
    /// Bytes of a frame whose end has not come.
    pub(crate) rest: &'a [u8],
}

/// One whole text message in one frame.
pub(crate) fn text(side: Side, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x80 | TEXT];
    let masked = if side == Side::Client { 0x80 } else { 0 };
    match payload.len() {
        0..126 => out.push(masked | payload.len() as u8),
        126..0x1_0000 => {
            out.push(masked | 126);
            out.extend((payload.len() as u16).to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend((payload.len() as u64).to_be_bytes());
        }
    }
    if side == Side::Server {
        out.extend(payload);
        return out;
    }
    out.extend(KEY);
    out.extend(
        payload
            .iter()
            .zip(KEY.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    out
}

/// Reads a stream, and asserts that every frame in it keeps the rules: no receiver may have to guess.
pub(crate) fn read(all: &[u8], side: Side) -> Stream<'_> {
    let mut bytes = all;
    let mut start = 0;
    let mut stream = Stream {
        messages: Vec::new(),
        unfinished: Vec::new(),
        rest: &[],
    };
    let mut fragmented = false;
    while !bytes.is_empty() {
        let Some((frame, size)) = frame(bytes, side) else {
            break;
        };
        let at = all.len() - bytes.len();
        bytes = &bytes[size..];
        let closed = stream
            .messages
            .last()
            .is_some_and(|last| last.opcode == CLOSE);
        assert!(!closed, "a frame behind a close frame");
        if frame.opcode >= CLOSE {
            assert!(frame.fin, "a control frame in parts");
            assert!(frame.payload.len() <= 125, "a long control frame");
            stream.messages.push(Message {
                start: at,
                opcode: frame.opcode,
                payload: frame.payload,
            });
            continue;
        }
        assert_eq!(
            fragmented,
            frame.opcode == CONTINUATION,
            "parts out of order"
        );
        if !fragmented {
            start = at;
        }
        stream.unfinished.extend(frame.payload);
        fragmented = !frame.fin;
        if frame.fin {
            stream.messages.push(Message {
                start,
                opcode: TEXT,
                payload: std::mem::take(&mut stream.unfinished),
            });
        }
    }
    stream.rest = bytes;
    stream
}

/// The first frame, and its size; `None` when it is not whole.
fn frame(bytes: &[u8], side: Side) -> Option<(Frame, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    assert_eq!(first & 0x70, 0, "a reserved bit");
    let opcode = first & 0x0f;
    assert!(matches!(opcode, 0 | 1 | 8 | 9 | 10), "opcode {opcode}");
    assert_eq!(second & 0x80 != 0, side == Side::Client, "the mask's bit");
    let (length, mut at) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(array(bytes, 2)?)), 4),
        127 => (u64::from_be_bytes(array(bytes, 2)?), 10),
        short => (u64::from(short), 2),
    };
    let shortest = match length {
        0..126 => 2,
        126..0x1_0000 => 4,
        _ => 10,
    };
    assert_eq!(at, shortest, "a length in a long form");
    let key = match side {
        Side::Client => array(bytes, at)?,
        Side::Server => [0; 4],
    };
    at += if side == Side::Client { 4 } else { 0 };
    let end = at.checked_add(usize::try_from(length).ok()?)?;
    let masked = bytes.get(at..end)?;
    let payload = masked.iter().zip(key.iter().cycle());
    let frame = Frame {
        fin: first & 0x80 != 0,
        opcode,
        payload: payload.map(|(byte, key)| byte ^ key).collect(),
    };
    Some((frame, end))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}
