//! Frames of RFC 6455 §5: heads read strictly, payloads masked and unmasked, frames of our own written.
//!
//! Extensions are stripped from the handshake, so a reserved bit means nothing here and is refused, as is every other form that
//! two readers could read differently: a length that is not the shortest, a mask on the wrong side, a split control frame.

/// The longest head: two bytes, eight of length, four of mask.
pub(in crate::ddp) const LONGEST_HEAD: usize = 14;

/// The longest payload of a control frame (RFC 6455 §5.5).
const LONGEST_CONTROL: u64 = 125;

/// The bits of a head's first byte.
const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0f;

/// The bit of a head's second byte.
const MASKED: u8 = 0x80;

/// With what code Gantry ends a socket (RFC 6455 §7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCode {
    /// This Gantry goes away, another one may be asked.
    GoingAway,
    /// The client broke a protocol.
    Protocol,
    /// The client sent what is not taken here.
    Unsupported,
    /// The client sent what is no text.
    Invalid,
    /// The client sent too much.
    TooLarge,
    /// Something behind Gantry went wrong.
    Internal,
    /// Not now.
    TryAgain,
    /// The session ended.
    SessionEnded,
}

impl CloseCode {
    /// The code as it stands in the frame.
    #[must_use]
    pub fn number(self) -> u16 {
        match self {
            Self::GoingAway => 1001,
            Self::Protocol => 1002,
            Self::Unsupported => 1003,
            Self::Invalid => 1007,
            Self::TooLarge => 1009,
            Self::Internal => 1011,
            Self::TryAgain => 1013,
            Self::SessionEnded => 4401,
        }
    }

    /// A close frame to the client, without a reason in words.
    #[must_use]
    pub fn frame(self) -> [u8; 4] {
        let [high, low] = self.number().to_be_bytes();
        [FIN | Opcode::Close as u8, 2, high, low]
    }
}

/// What a frame is (RFC 6455 §11.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ddp) enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xa,
}

impl Opcode {
    fn read(byte: u8) -> Option<Self> {
        [
            Self::Continuation,
            Self::Text,
            Self::Binary,
            Self::Close,
            Self::Ping,
            Self::Pong,
        ]
        .into_iter()
        .find(|opcode| *opcode as u8 == byte & OPCODE)
    }

    pub(in crate::ddp) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// Who sends: clients mask, servers do not (RFC 6455 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ddp) enum Sender {
    Client,
    Server,
}

/// A frame that breaks the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ddp) struct Broken;

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ddp) struct Head {
    pub(in crate::ddp) fin: bool,
    pub(in crate::ddp) opcode: Opcode,
    /// The mask's key; without one nothing is masked.
    pub(in crate::ddp) key: Option<[u8; 4]>,
    /// Bytes of payload.
    pub(in crate::ddp) length: u64,
    /// Bytes of the head itself.
    pub(in crate::ddp) size: usize,
}

impl Head {
    /// Reads a head from the beginning of `bytes`; `None` until it is whole. A fault is found as soon as it can be.
    pub(in crate::ddp) fn read(bytes: &[u8], sender: Sender) -> Result<Option<Self>, Broken> {
        let Some(&first) = bytes.first() else {
            return Ok(None);
        };
        let opcode = Opcode::read(first).ok_or(Broken)?;
        let fin = first & FIN != 0;
        if first & RESERVED != 0 || opcode.is_control() && !fin {
            return Err(Broken);
        }
        let Some(&second) = bytes.get(1) else {
            return Ok(None);
        };
        let masked = second & MASKED != 0;
        if masked != (sender == Sender::Client) {
            return Err(Broken);
        }
        let (length_size, shortest) = match second & !MASKED {
            126 => (2, 126),
            127 => (8, 0x1_0000),
            _ => (0, 0),
        };
        let size = 2 + length_size + if masked { 4 } else { 0 };
        let Some(rest) = bytes.get(2..size) else {
            return Ok(None);
        };
        let (length, key) = rest.split_at(length_size);
        let length = match length_size {
            0 => u64::from(second & !MASKED),
            _ => length
                .iter()
                .fold(0, |length, byte| length << 8 | u64::from(*byte)),
        };
        let too_long = opcode.is_control() && length > LONGEST_CONTROL || length >> 63 != 0;
        if length < shortest || too_long {
            return Err(Broken);
        }
        Ok(Some(Self {
            fin,
            opcode,
            key: key.try_into().ok(),
            length,
            size,
        }))
    }
}

/// Masks or unmasks: the same thing (RFC 6455 §5.3).
pub(in crate::ddp) fn mask(bytes: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut words = bytes.chunks_exact_mut(8);
    for word in &mut words {
        let mut value = [0; 8];
        value.copy_from_slice(word);
        word.copy_from_slice(&(u64::from_ne_bytes(value) ^ wide).to_ne_bytes());
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// The key that goes on where `offset` bytes of a payload have been masked already.
pub(in crate::ddp) fn key_from(mut key: [u8; 4], offset: u64) -> [u8; 4] {
    key.rotate_left((offset % 4) as usize);
    key
}

/// Appends a whole frame to `out`, with its length in the shortest form.
pub(in crate::ddp) fn write(
    out: &mut Vec<u8>,
    opcode: Opcode,
    key: Option<[u8; 4]>,
    payload: &[u8],
) {
    out.reserve(LONGEST_HEAD + payload.len());
    out.push(FIN | opcode as u8);
    let masked = if key.is_some() { MASKED } else { 0 };
    let length = payload.len() as u64;
    match length {
        0..126 => out.push(masked | length as u8),
        126..0x1_0000 => {
            out.push(masked | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend_from_slice(&length.to_be_bytes());
        }
    }
    if let Some(key) = key {
        out.extend_from_slice(&key);
    }
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = key {
        mask(&mut out[start..], key);
    }
}

/// Checks the payload of a close frame: nothing, or a code that may stand on the wire with a reason in UTF-8 (RFC 6455 §7.4).
pub(in crate::ddp) fn check_close(payload: &[u8]) -> Result<(), Broken> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() {
            Ok(())
        } else {
            Err(Broken)
        };
    };
    let known = matches!(
        u16::from_be_bytes(*code),
        1000..=1003 | 1007..=1014 | 3000..=4999
    );
    if known && std::str::from_utf8(reason).is_ok() {
        Ok(())
    } else {
        Err(Broken)
    }
}

#[cfg(test)]
mod tests;
