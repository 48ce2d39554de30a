//! Where WebSocket frames begin and end in a stream of bytes (RFC 6455 §5.2): enough to know when a close frame of our own may
//! be put between two frames. Payloads are skipped, never looked at.

/// A close frame from us to the client, without a reason in words.
pub type Farewell = [u8; 4];

/// Code 4401: the session ended.
pub const SESSION_ENDED: Farewell = [0x88, 0x02, 0x11, 0x31];

/// Code 1001: this Gantry goes away, another one may be asked (RFC 6455 §7.4.1).
pub const GOING_AWAY: Farewell = [0x88, 0x02, 0x03, 0xe9];

/// The longest frame head: two bytes, eight of length, four of mask.
const LONGEST_HEAD: usize = 14;

/// Follows one direction of a WebSocket.
#[derive(Debug)]
pub struct FrameBoundary {
    head: [u8; LONGEST_HEAD],
    head_length: usize,
    payload_left: u64,
    close_passed: bool,
}

impl FrameBoundary {
    /// At the beginning of a frame.
    #[must_use]
    pub fn new() -> Self {
        Self {
            head: [0; LONGEST_HEAD],
            head_length: 0,
            payload_left: 0,
            close_passed: false,
        }
    }

    /// May a frame of ours begin here? Never after a close frame has passed.
    #[must_use]
    pub fn at_boundary(&self) -> bool {
        self.head_length == 0 && self.payload_left == 0 && !self.close_passed
    }

    /// Follows these bytes.
    pub fn passed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.payload_left > 0 {
                let skipped = bytes
                    .len()
                    .min(usize::try_from(self.payload_left).unwrap_or(usize::MAX));
                self.payload_left -= skipped as u64;
                bytes = &bytes[skipped..];
                continue;
            }
            self.head[self.head_length] = bytes[0];
            self.head_length += 1;
            bytes = &bytes[1..];
            if let Some(payload) = self.payload_length() {
                self.close_passed |= self.head[0] & 0x0f == 0x08;
                self.payload_left = payload;
                self.head_length = 0;
            }
        }
    }

    /// The payload's length, once the head is whole.
    fn payload_length(&self) -> Option<u64> {
        let head = &self.head[..self.head_length];
        let (&second, extended) = (head.get(1)?, head.get(2..)?);
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let (length_bytes, short) = match second & 0x7f {
            126 => (2, 0),
            127 => (8, 0),
            short => (0, u64::from(short)),
        };
        if extended.len() < length_bytes + mask {
            return None;
        }
        let length = extended[..length_bytes]
            .iter()
            .fold(short, |length, &byte| (length << 8) | u64::from(byte));
        Some(length)
    }
}

impl Default for FrameBoundary {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(payload: &[u8], masked: bool) -> Vec<u8> {
        let mut frame = vec![0x81];
        let mask = if masked { 0x80 } else { 0 };
        match payload.len() {
            short @ 0..126 => frame.push(mask | u8::try_from(short).unwrap()),
            middle @ 126..65536 => {
                frame.push(mask | 126);
                frame.extend_from_slice(&u16::try_from(middle).unwrap().to_be_bytes());
            }
            long => {
                frame.push(mask | 127);
                frame.extend_from_slice(&(long as u64).to_be_bytes());
            }
        }
        if masked {
            frame.extend_from_slice(&[1, 2, 3, 4]);
        }
        frame.extend_from_slice(payload);
        frame
    }

    #[test]
    fn nothing_of_ours_follows_a_close_frame() {
        let mut frames = FrameBoundary::new();
        frames.passed(&[0x88, 0x02, 0x03, 0xe8]);
        assert!(!frames.at_boundary());
    }

    proptest! {
        #[test]
        fn boundaries_are_found_however_the_stream_is_split(
            payloads in prop::collection::vec((0usize..300, any::<bool>()), 1..6),
            long in any::<bool>(),
            split in 1usize..50,
        ) {
            let mut frames = FrameBoundary::new();
            for (size, masked) in payloads {
                let size = if long { size * 300 } else { size };
                let whole = frame(&vec![0x88; size], masked);
                for (index, part) in whole.chunks(split).enumerate() {
                    let last = (index + 1) * split >= whole.len();
                    frames.passed(part);
                    prop_assert_eq!(frames.at_boundary(), last);
                }
            }
        }
    }
}
