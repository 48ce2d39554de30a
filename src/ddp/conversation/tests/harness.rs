//! A client, Rocket.Chat and a small surface around a conversation.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::value::RawValue;

use crate::ddp::frame::{Head, Opcode, Sender, mask, write};
use crate::ddp::{
    Ask, Code, Conversation, Denied, Framing, Grant, Identity, Judge, Opening, Refusal, Ruling,
    Sink, Unreadable, Violation, sockjs,
};
use crate::rocketchat::Credentials;
use crate::secret::Secret;

pub(super) const CONNECT: &str = r#"{"msg":"connect","version":"1","support":["1"]}"#;
pub(super) const SEND: &str = r#"{"msg":"method","method":"sendMessage","id":"5","params":[{}]}"#;
pub(super) const SUB: &str = r#"{"msg":"sub","id":"s1","name":"stream-notify-user","params":[]}"#;
pub(super) const LOGIN: &str =
    r#"{"msg":"method","method":"login","id":"1","params":[{"resume":"shown"}]}"#;
pub(super) const TOKEN: &str = "real-auth-token-of-forty-three-characters-x";
pub(super) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
pub(super) const MAX_MESSAGE: usize = 4096;
const PREFIX: &str = "gantry-00000000000000000000000000abcdef-";

pub(super) fn denial() -> Denied {
    Denied {
        code: Code::Named("denied"),
        reason: "Not here.",
    }
}

/// What the tests' surface says.
#[derive(Debug)]
pub(super) struct Rules;

impl Judge for Rules {
    fn method(&self, name: &str, params: Option<&RawValue>) -> Ruling {
        match name {
            "login" => Ruling::Login,
            "logout" => Ruling::Logout,
            "createToken" => Ruling::Deny(denial()),
            "boot" => Ruling::Boot,
            "getUserData" => Ruling::PassScrubbed,
            "byParams" if params.is_some_and(|params| params.get().contains("bad")) => {
                Ruling::Deny(denial())
            }
            _ => Ruling::Pass,
        }
    }

    fn subscription(&self, name: &str, _params: Option<&RawValue>) -> Ruling {
        match name {
            "denied" => Ruling::Deny(denial()),
            "boot" => Ruling::Boot,
            "userData" => Ruling::PassScrubbed,
            "login" => Ruling::Login,
            _ => Ruling::Pass,
        }
    }

    fn scrub(&self, message: &[u8]) -> Result<Option<Vec<u8>>, Unreadable> {
        let text = std::str::from_utf8(message).map_err(|_| Unreadable)?;
        if text.contains("UNREADABLE") {
            return Err(Unreadable);
        }
        Ok(text
            .contains("SECRET")
            .then(|| text.replace("SECRET", "gone").into_bytes()))
    }
}

/// What was written.
#[derive(Debug, Default)]
pub(super) struct Wires {
    pub(super) up: Vec<u8>,
    pub(super) down: Vec<u8>,
    /// Lengths of the pieces that went up.
    pub(super) ups: Vec<usize>,
}

impl Sink for Wires {
    fn up(&mut self, bytes: &[u8]) {
        self.up.extend_from_slice(bytes);
        self.ups.push(bytes.len());
    }

    fn down(&mut self, bytes: &[u8]) {
        self.down.extend_from_slice(bytes);
    }
}

/// A conversation with both its sides.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) conversation: Conversation,
    pub(super) wires: Wires,
    framing: Framing,
}

impl Talk {
    pub(super) fn new(framing: Framing, identity: Identity) -> Self {
        let opening = Opening {
            framing,
            identity,
            max_message: MAX_MESSAGE,
            nonce: 0xab_cdef,
        };
        Self {
            conversation: Conversation::new(opening),
            wires: Wires::default(),
            framing,
        }
    }

    /// A raw conversation with somebody known, whose client has said `connect`.
    pub(super) fn identified() -> Self {
        Self::connected(Framing::Raw, Identity::Identified)
    }

    pub(super) fn anonymous() -> Self {
        Self::connected(Framing::Raw, Identity::Anonymous)
    }

    pub(super) fn connected(framing: Framing, identity: Identity) -> Self {
        let mut talk = Self::new(framing, identity);
        talk.say(CONNECT);
        talk.wires = Wires::default();
        talk
    }

    /// Logged in by the client's own `login`, and nothing owed.
    pub(super) fn logged_in() -> Self {
        let mut talk = Self::anonymous();
        talk.log_in(1);
        talk.wires = Wires::default();
        talk
    }

    /// The client's `login`, the `number`th, with all that belongs to it.
    pub(super) fn log_in(&mut self, number: u32) {
        self.say(LOGIN);
        assert!(matches!(self.conversation.asks(), Some(Ask::Claim(_))));
        self.grant();
        self.hear(&result(number)).unwrap();
        self.hear(&updated(number)).unwrap();
    }

    pub(super) fn frame_of_client(&self, message: &str) -> Vec<u8> {
        match self.framing {
            Framing::Raw => client(message),
            Framing::SockJs => client(&sockjs::to_server([sockjs::quote(message).as_str()])),
        }
    }

    /// The client says something, all of which is taken.
    pub(super) fn say(&mut self, message: &str) {
        let mut frame = self.frame_of_client(message);
        let length = frame.len();
        assert_eq!(self.offer(&mut frame), Ok(length), "{message}");
    }

    /// The client sends bytes, which may be left.
    pub(super) fn offer(&mut self, bytes: &mut [u8]) -> Result<usize, Violation> {
        self.conversation
            .from_client(bytes, &Rules, &mut self.wires)
    }

    /// Rocket.Chat says something.
    pub(super) fn hear(&mut self, message: &str) -> Result<(), Violation> {
        let frame = match self.framing {
            Framing::Raw => server(message),
            Framing::SockJs => server(&sockjs::to_client([sockjs::quote(message).as_str()])),
        };
        self.hear_bytes(&frame)
    }

    pub(super) fn hear_bytes(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        self.conversation
            .from_server(bytes, &Rules, &mut self.wires)
    }

    pub(super) fn grant(&mut self) {
        self.conversation.granted(grant(), &mut self.wires);
    }

    pub(super) fn refuse(&mut self, refusal: Refusal) -> Result<(), Violation> {
        self.conversation.refused(refusal, &Rules, &mut self.wires)
    }

    pub(super) fn time_out(&mut self) -> Result<(), Violation> {
        self.conversation.timed_out(&Rules, &mut self.wires)
    }

    /// What has gone up since the last time, as texts of frames.
    pub(super) fn went_up(&mut self) -> Vec<String> {
        texts(&std::mem::take(&mut self.wires.up), Sender::Client)
    }

    pub(super) fn went_down(&mut self) -> Vec<String> {
        texts(&std::mem::take(&mut self.wires.down), Sender::Server)
    }
}

pub(super) fn grant() -> Grant {
    Grant {
        credentials: Arc::new(Credentials::unminted("u1", TOKEN)),
        stand_in: Secret::new("stand-in".to_owned()),
        expires_at: UNIX_EPOCH + Duration::from_millis(5_000),
    }
}

pub(super) fn own_id(number: u32) -> String {
    format!("{PREFIX}{number}")
}

/// Our own login as it goes up.
pub(super) fn our_login(number: u32) -> String {
    let id = own_id(number);
    format!(r#"{{"msg":"method","method":"login","id":"{id}","params":[{{"resume":"{TOKEN}"}}]}}"#)
}

/// Rocket.Chat's good answer to it.
pub(super) fn result(number: u32) -> String {
    let id = own_id(number);
    format!(
        r#"{{"msg":"result","id":"{id}","result":{{"id":"u1","token":"{TOKEN}","tokenExpires":{{"$date":9000}},"type":"resume"}}}}"#
    )
}

/// Its bad one.
pub(super) fn error(number: u32, code: &str) -> String {
    let id = own_id(number);
    format!(r#"{{"msg":"result","id":"{id}","error":{{"error":{code},"reason":"No."}}}}"#)
}

pub(super) fn updated(number: u32) -> String {
    format!(r#"{{"msg":"updated","methods":["{}"]}}"#, own_id(number))
}

/// A whole frame of the client's.
pub(super) fn client(text: &str) -> Vec<u8> {
    framed(Opcode::Text, Some(KEY), text.as_bytes())
}

/// A whole frame of Rocket.Chat's.
pub(super) fn server(text: &str) -> Vec<u8> {
    framed(Opcode::Text, None, text.as_bytes())
}

pub(super) fn framed(opcode: Opcode, key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, opcode, key, payload);
    out
}

/// One part of a message: as [`framed`], but not the last.
pub(super) fn part(opcode: Opcode, key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let mut out = framed(opcode, key, payload);
    out[0] &= 0x7f;
    out
}

/// Frames as they stand on the wire, unmasked; messages in parts are put together.
pub(super) fn frames(mut bytes: &[u8], sender: Sender) -> Vec<(Opcode, Vec<u8>)> {
    let mut frames: Vec<(Opcode, Vec<u8>)> = Vec::new();
    while !bytes.is_empty() {
        let head = Head::read(bytes, sender).unwrap().unwrap();
        let (frame, rest) = bytes.split_at(head.size + head.length as usize);
        bytes = rest;
        let mut payload = frame[head.size..].to_vec();
        if let Some(key) = head.key {
            mask(&mut payload, key);
        }
        if head.opcode == Opcode::Continuation {
            let (_, whole) = frames
                .iter_mut()
                .rfind(|(opcode, _)| *opcode == Opcode::Text)
                .unwrap();
            whole.append(&mut payload);
        } else {
            frames.push((head.opcode, payload));
        }
    }
    frames
}

fn texts(bytes: &[u8], sender: Sender) -> Vec<String> {
    frames(bytes, sender)
        .into_iter()
        .map(|(_, payload)| String::from_utf8_lossy(&payload).into_owned())
        .collect()
}
