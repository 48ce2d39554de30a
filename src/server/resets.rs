//! Counts the streams that an HTTP/2 client resets. A request that is reset at once has cost its client two frames, and Rocket.Chat
//! perhaps a query (CVE-2023-44487).
//!
//! It looks at the heads of frames on their way to hyper, because a stream may be reset before, while or after its request is handled,
//! and only its frame tells all of them. A clock is read for resets alone.

use tokio::time::Instant;

/// What every HTTP/2 connection begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes of a frame's head (RFC 9113 §4.1): three of length, one of kind, and five that do not matter here.
const HEAD: u8 = 9;

const RST_STREAM: u8 = 3;

/// The last frame to whoever went beyond: GOAWAY with ENHANCE_YOUR_CALM (RFC 9113 §7). Any stream may have been begun.
pub const FAREWELL: [u8; 17] = [
    0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 11,
];

/// The resets of one connection.
#[derive(Debug)]
pub struct Resets {
    place: Place,
    /// Resets within a second, and in one go; `None` for any number.
    limit: Option<u32>,
    left: f32,
    since: Option<Instant>,
}

/// Where in the stream of frames the next byte stands.
#[derive(Debug)]
enum Place {
    /// Behind so many bytes of the preface.
    Preface(u8),
    /// In a head, behind so many bytes of it.
    Head { behind: u8, length: u32, kind: u8 },
    /// In a payload with so much to come.
    Payload(u32),
    /// It is no HTTP/2, or counts for nothing.
    Elsewhere,
}

impl Resets {
    /// At most so many in a second.
    #[must_use]
    pub fn at_most(limit: Option<u32>) -> Self {
        Self {
            place: if limit.is_some() {
                Place::Preface(0)
            } else {
                Place::Elsewhere
            },
            limit,
            left: 0.0,
            since: None,
        }
    }

    /// Follows what came; true when it resets more than it may.
    pub fn are_too_many(&mut self, bytes: &[u8]) -> bool {
        if matches!(self.place, Place::Elsewhere) {
            return false;
        }
        match self.count(bytes) {
            0 => false,
            resets => self.spend(resets, Instant::now()),
        }
    }

    fn count(&mut self, mut bytes: &[u8]) -> u32 {
        let mut resets = 0;
        while let Some((&byte, rest)) = bytes.split_first() {
            match &mut self.place {
                Place::Preface(behind) => {
                    if PREFACE.get(usize::from(*behind)) != Some(&byte) {
                        self.place = Place::Elsewhere;
                        break;
                    }
                    *behind += 1;
                    if usize::from(*behind) == PREFACE.len() {
                        self.place = Place::head();
                    }
                    bytes = rest;
                }
                Place::Head {
                    behind,
                    length,
                    kind,
                } => {
                    match *behind {
                        0..3 => *length = *length << 8 | u32::from(byte),
                        3 => *kind = byte,
                        _ => {}
                    }
                    *behind += 1;
                    if *behind == HEAD {
                        resets += u32::from(*kind == RST_STREAM);
                        self.place = match *length {
                            0 => Place::head(),
                            length => Place::Payload(length),
                        };
                    }
                    bytes = rest;
                }
                Place::Payload(left) => {
                    let here = bytes
                        .len()
                        .min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= u32::try_from(here).unwrap_or(*left);
                    if *left == 0 {
                        self.place = Place::head();
                    }
                    bytes = &bytes[here..];
                }
                Place::Elsewhere => break,
            }
        }
        resets
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "limits are small, and one reset more or less does not matter"
    )]
    fn spend(&mut self, resets: u32, now: Instant) -> bool {
        let Some(limit) = self.limit else {
            return false;
        };
        let limit = limit as f32;
        self.left = match self.since.replace(now) {
            None => limit,
            Some(since) => {
                let regained = now.duration_since(since).as_secs_f32() * limit;
                (self.left + regained).min(limit)
            }
        };
        self.left -= resets as f32;
        self.left < 0.0
    }
}

impl Place {
    fn head() -> Self {
        Self::Head {
            behind: 0,
            length: 0,
            kind: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![
            0,
            0,
            u8::try_from(payload.len()).unwrap(),
            kind,
            0,
            0,
            0,
            0,
            1,
        ];
        frame.extend_from_slice(payload);
        frame
    }

    #[test]
    fn resets_are_counted_however_the_bytes_are_cut() {
        let mut bytes = PREFACE.to_vec();
        for (kind, payload) in [
            (4, &b""[..]),
            (1, b"\x03\x03\x03"),
            (3, b"\0\0\0\x08"),
            (0, b"\0\0\x04\x03\0\0\0\0\x01"),
            (3, b"\0\0\0\x08"),
        ] {
            bytes.extend(frame(kind, payload));
        }
        for size in 1..=bytes.len() {
            let mut resets = Resets::at_most(Some(100));
            let counted: u32 = bytes.chunks(size).map(|part| resets.count(part)).sum();
            assert_eq!(counted, 2, "by {size}");
        }
    }

    #[test]
    fn what_is_no_http2_has_none() {
        let reset = frame(RST_STREAM, b"\0\0\0\x08");
        for begin in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            b"PRI * HTTP/1.1\r\n\r\n",
            b"",
        ] {
            let mut resets = Resets::at_most(Some(1));
            assert_eq!(resets.count(&[begin, &reset].concat()), 0);
        }
    }

    #[test]
    fn the_limit_holds_for_each_second_and_comes_back_with_time() {
        let mut resets = Resets::at_most(Some(10));
        let now = Instant::now();
        assert!(!resets.spend(10, now));
        let later = now + Duration::from_millis(500);
        assert!(!resets.spend(5, later));
        assert!(resets.spend(1, later));
        let much_later = now + Duration::from_secs(100);
        assert!(!resets.spend(10, much_later));
        assert!(resets.spend(1, much_later));
    }

    #[test]
    fn without_a_limit_nothing_is_too_many() {
        let mut resets = Resets::at_most(None);
        let flood = frame(RST_STREAM, b"\0\0\0\x08").repeat(1000);
        assert!(!resets.are_too_many(&[PREFACE, &flood].concat()));
    }
}
