//! WebSocket frames with text in them, as far as the bench needs them: whole ones, of less than 64 KiB.

use std::ops::Range;

/// The mask's key of the bench's clients. A measured process must undo it as it must any other.
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame's place in the bytes that were read.
pub(crate) struct Frame {
    /// Where its text stands.
    pub(crate) text: Range<usize>,
    /// How it is masked.
    pub(crate) key: Option<[u8; 4]>,
}

impl Frame {
    /// The first frame in `bytes`; `None` until it is whole.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let second = *bytes.get(1)?;
        let (length, head) = match second & 0x7f {
            126 => (
                usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])),
                4,
            ),
            short => (usize::from(short), 2),
        };
        let key = if second & 0x80 == 0 {
            None
        } else {
            Some(*bytes.get(head..)?.first_chunk::<4>()?)
        };
        let begin = head + key.map_or(0, |key| key.len());
        let text = begin..begin + length;
        (bytes.len() >= text.end).then_some(Self { text, key })
    }

    /// Its text, out of the bytes that it was read from.
    pub(crate) fn text(&self, bytes: &[u8]) -> String {
        let key = self.key.unwrap_or_default();
        let plain = bytes[self.text.clone()].iter().zip(key.iter().cycle());
        let plain = plain.map(|(byte, key)| byte ^ key).collect();
        String::from_utf8(plain).unwrap_or_default()
    }
}

/// Appends a frame of a client's.
pub(crate) fn write_masked(out: &mut Vec<u8>, text: &str) {
    write_head(out, text.len(), 0x80);
    out.extend_from_slice(&KEY);
    let masked = text.bytes().zip(KEY.iter().cycle());
    out.extend(masked.map(|(byte, key)| byte ^ key));
}

/// Appends a frame of a server's.
pub(crate) fn write_plain(out: &mut Vec<u8>, text: &str) {
    write_head(out, text.len(), 0);
    out.extend_from_slice(text.as_bytes());
}

fn write_head(out: &mut Vec<u8>, length: usize, masked: u8) {
    out.push(0x81);
    match u8::try_from(length) {
        Ok(short) if short < 126 => out.push(masked | short),
        _ => {
            // The bench says nothing longer; a length that were cut would break off the run at once.
            let length = u16::try_from(length).unwrap_or(u16::MAX);
            out.push(masked | 126);
            out.extend_from_slice(&length.to_be_bytes());
        }
    }
}
