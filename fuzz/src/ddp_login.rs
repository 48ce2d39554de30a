//! Who is logged in on a socket, whatever both sides say and in whatever order (RC §6.3, §6.4).

use crate::script::{self, Lines};
use crate::talk;

/// Runs a script of DDP messages and logins.
pub fn ddp_login(bytes: &[u8]) {
    if let Some((setting, steps)) = script::read(bytes, Lines::Messages) {
        talk::check(setting.framing, setting.identity, &steps, &setting.sizes);
    }
}
