//! SockJS frames (RC §6.1): whatever stands in one, no message gets past by the way it is written.

use crate::script::{self, Lines};
use crate::talk;

/// Runs a script of frames' texts. The first byte's lowest bit counts for nothing: the framing is SockJS.
pub fn sockjs(bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    if let Some(flags) = bytes.first_mut() {
        *flags |= 1;
    }
    if let Some((setting, steps)) = script::read(&bytes, Lines::Frames) {
        talk::check(setting.framing, setting.identity, &steps, &setting.sizes);
    }
}
