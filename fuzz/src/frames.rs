//! Frames of RFC 6455, in both directions and at every stage of a login.

use crate::script::Setting;
use crate::talk::{self, Step};

/// The bit of the first byte by which the stream is Rocket.Chat's; the lower ones are [`Setting`]'s.
const SERVER: u8 = 0x20;

/// The first two bytes are the setting, the rest is one side's stream.
pub fn frames(bytes: &[u8]) {
    let Some((&[flags, split], stream)) = bytes.split_first_chunk() else {
        return;
    };
    let setting = Setting::new(flags, split);
    let stream = stream.to_vec();
    let mut steps = setting.begun;
    steps.push(match flags & SERVER {
        0 => Step::Client(stream),
        _ => Step::Server(stream),
    });
    talk::check(setting.framing, setting.identity, &steps, &setting.sizes);
}
