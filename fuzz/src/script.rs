//! Steps written as lines, so that a corpus can be read and written by hand.
//!
//! The first character says how the conversation begins: bit by bit SockJS, identified, connected, logged in, a login under way.
//! The second says how its bytes are split. Each line that follows is one step, by its first character:
//!
//! | line | step |
//! |---|---|
//! | `>…`, `<…` | the client, Rocket.Chat says this |
//! | `=n`, `@n`, `%n` | Rocket.Chat's good result, `updated`, error 403 to our login `n` |
//! | `+` | what was asked is granted |
//! | `-t`, `-p`, `-o`, `-u` | it is refused: token, not permitted, overloaded, unavailable |
//! | `!` | the login was not answered in time |
//! | `?` | the client is pinged |

use gantry::ddp::{Framing, Identity, Refusal};

use crate::talk::{PREFIX, Step, TOKEN};
use crate::wire::{self, Side};

const CONNECT: &str = r#"{"msg":"connect","version":"1","support":["1"]}"#;
const LOGIN: &str = r#"{"msg":"method","method":"login","id":"l","params":[{"resume":"shown"}]}"#;

/// How a conversation begins.
pub(crate) struct Setting {
    pub(crate) framing: Framing,
    pub(crate) identity: Identity,
    pub(crate) sizes: [usize; 3],
    pub(crate) begun: Vec<Step>,
}

impl Setting {
    /// Reads the two bytes.
    pub(crate) fn new(flags: u8, split: u8) -> Self {
        let framing = if flags & 1 == 0 {
            Framing::Raw
        } else {
            Framing::SockJs
        };
        let identity = if flags & 2 == 0 {
            Identity::Anonymous
        } else {
            Identity::Identified
        };
        let mut begun = Vec::new();
        if flags & 0b1_1100 != 0 {
            begun.push(client(framing, CONNECT));
        }
        if flags & 8 != 0 {
            let [result, updated] = [result(1), updated(1)];
            begun.extend([
                client(framing, LOGIN),
                Step::Grant,
                server(framing, &result),
                server(framing, &updated),
            ]);
        }
        if flags & 16 != 0 {
            begun.extend([client(framing, LOGIN), Step::Grant]);
        }
        let split = usize::from(split);
        Self {
            framing,
            identity,
            sizes: [1 + split % 7, 1 + split / 7 % 13, 1 + split * 5 % 64],
            begun,
        }
    }
}

/// What stands in the lines `>…` and `<…`.
#[derive(Clone, Copy)]
pub(crate) enum Lines {
    /// DDP messages, which are framed.
    Messages,
    /// The texts of frames.
    Frames,
}

/// Reads a script.
pub(crate) fn read(bytes: &[u8], lines: Lines) -> Option<(Setting, Vec<Step>)> {
    let (&[flags, split], rest) = bytes.split_first_chunk()?;
    let setting = Setting::new(flags, split);
    let mut steps = setting.begun.clone();
    steps.extend(rest.split(|byte| *byte == b'\n').filter_map(|line| {
        let (kind, text) = line.split_first()?;
        step(*kind, text, setting.framing, lines)
    }));
    Some((setting, steps))
}

fn step(kind: u8, text: &[u8], framing: Framing, lines: Lines) -> Option<Step> {
    let number = || std::str::from_utf8(text).ok()?.parse().ok();
    Some(match (kind, lines) {
        (b'>', Lines::Frames) => Step::Client(wire::text(Side::Client, text)),
        (b'<', Lines::Frames) => Step::Server(wire::text(Side::Server, text)),
        (b'>', Lines::Messages) => client(framing, std::str::from_utf8(text).ok()?),
        (b'<', Lines::Messages) => server(framing, std::str::from_utf8(text).ok()?),
        (b'=', _) => server(framing, &result(number()?)),
        (b'@', _) => server(framing, &updated(number()?)),
        (b'%', _) => server(framing, &error(number()?)),
        (b'+', _) => Step::Grant,
        (b'-', _) => Step::Refuse(refusal(text)),
        (b'!', _) => Step::TimeOut,
        (b'?', _) => Step::Ping,
        _ => return None,
    })
}

fn refusal(text: &[u8]) -> Refusal {
    match text.first() {
        Some(b'p') => Refusal::NotPermitted,
        Some(b'o') => Refusal::Overloaded,
        Some(b'u') => Refusal::Unavailable,
        _ => Refusal::Token,
    }
}

/// The client says a message.
fn client(framing: Framing, message: &str) -> Step {
    let text = match framing {
        Framing::Raw => message.to_owned(),
        Framing::SockJs => array(message),
    };
    Step::Client(wire::text(Side::Client, text.as_bytes()))
}

/// Rocket.Chat says a message.
fn server(framing: Framing, message: &str) -> Step {
    let text = match framing {
        Framing::Raw => message.to_owned(),
        Framing::SockJs => format!("a{}", array(message)),
    };
    Step::Server(wire::text(Side::Server, text.as_bytes()))
}

fn array(message: &str) -> String {
    serde_json::json!([message]).to_string()
}

fn result(number: u32) -> String {
    format!(
        r#"{{"msg":"result","id":"{PREFIX}{number}","result":{{"id":"u1","token":"{TOKEN}","tokenExpires":{{"$date":9000}},"type":"resume"}}}}"#
    )
}

fn updated(number: u32) -> String {
    format!(r#"{{"msg":"updated","methods":["{PREFIX}{number}"]}}"#)
}

fn error(number: u32) -> String {
    format!(r#"{{"msg":"result","id":"{PREFIX}{number}","error":{{"error":403,"reason":"No."}}}}"#)
}
