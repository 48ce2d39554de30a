//! One side of a socket as the handshake left it, and what the two sides' first words tell of their framing.

use std::sync::Arc;

use bytes::Bytes;

use crate::body::Guard;
use crate::ddp::Framing;
use crate::places::Place;
use crate::transport::Transport;

/// A frame with SockJS's greeting, which that server sends before anything else (RC §6.1).
const SOCKJS_OPEN: &[u8] = b"\x81\x01o";

/// A client's first frame up to its first character: the longest head, mask and that.
const FIRST_CHARACTER: usize = 15;

/// An upgraded connection with what was read of it beyond the handshake.
#[derive(Debug)]
pub struct Side {
    /// The connection.
    pub stream: Transport,
    /// Bytes that came with the handshake.
    pub early: Bytes,
    /// What it holds for as long as it is open.
    pub stay: Option<Stay>,
}

/// What a downstream socket holds.
#[derive(Debug)]
pub enum Stay {
    /// Its connection's place among those that may be open.
    Connection(Place),
    /// Of a connection that it has to itself no more than the others on it have: word that the connection is not idle.
    Stream(Arc<Guard>),
}

/// How DDP stands in the frames of a path where servers differ (RC §6.1): whoever speaks first tells.
pub async fn spoken_framing(downstream: &mut Side, upstream: &mut Side) -> Framing {
    let mut heard = [0; FIRST_CHARACTER];
    let mut said = [0; SOCKJS_OPEN.len()];
    let client = async {
        if downstream.early.is_empty() {
            let length = first_words(downstream, &mut heard).await;
            first_character(&heard[..length])
        } else {
            first_character(&downstream.early)
        }
    };
    let server = async {
        if upstream.early.is_empty() {
            let length = first_words(upstream, &mut said).await;
            said[..length] == *SOCKJS_OPEN
        } else {
            upstream.early.starts_with(SOCKJS_OPEN)
        }
    };
    let sockjs = tokio::select! {
        biased;
        opened = server => opened,
        first = client => matches!(first, Some(b'[' | b'"')),
    };
    if sockjs {
        Framing::SockJs
    } else {
        Framing::Raw
    }
}

/// Looks at what a side says first, without taking it away. Under TLS there is no such look: what was read is put where the rest of
/// the handshake's bytes lie, in the same poll, so that nothing is lost when the other side speaks first.
async fn first_words(side: &mut Side, words: &mut [u8]) -> usize {
    let heard = side.stream.glance(words).await;
    let length = heard.as_ref().map_or(0, |glance| glance.length);
    if heard.is_ok_and(|glance| glance.taken) {
        side.early = Bytes::copy_from_slice(&words[..length]);
    }
    length
}

/// The first character of a short client frame's text.
fn first_character(frame: &[u8]) -> Option<u8> {
    let (length, rest) = frame.get(1..).and_then(<[u8]>::split_first)?;
    let mask = match length & 0x7f {
        126 => rest.get(2..)?,
        127 => rest.get(8..)?,
        _ => rest,
    };
    Some(mask.first()? ^ mask.get(4)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_character_is_found_behind_any_length_and_mask() {
        let mask = [1, 2, 3, 4];
        for (head, expected) in [
            (&[0x81, 0x85][..], Some(b'[')),
            (&[0x81, 0xfe, 1, 0], Some(b'[')),
            (&[0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0], Some(b'[')),
        ] {
            let mut frame = head.to_vec();
            frame.extend_from_slice(&mask);
            assert_eq!(first_character(&frame), None);
            frame.push(b'[' ^ mask[0]);
            assert_eq!(first_character(&frame), expected);
        }
        assert_eq!(first_character(b""), None);
        assert_eq!(first_character(b"\x81"), None);
    }
}
