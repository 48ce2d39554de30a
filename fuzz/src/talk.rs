//! A conversation run over steps, whole and in splits, and what must hold for what came out of it.

use std::iter;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use gantry::config::websocket::Anonymous;
use gantry::ddp::{Conversation, Framing, Grant, Identity, Opening, Refusal, Sink, Violation};
use gantry::proxy::rulings::Rulings;
use gantry::rocketchat::Credentials;
use gantry::secret::Secret;
use gantry::surface::boot;

use crate::said::Pairs;
use crate::surface;
use crate::wire::{self, Message, Side};

/// The auth token, which the client must never see.
pub(crate) const TOKEN: &str = "real-auth-token-of-forty-three-characters-x";

/// What Gantry's own ids begin with here.
pub(crate) const PREFIX: &str = "gantry-00000000000000000000000000abcdef-";

/// Bytes that a client's message may have.
const MAX_MESSAGE: usize = 4096;

/// How only what is looked into can end.
const LOOKED: [Violation; 4] = [
    Violation::AnsweredAgain,
    Violation::ServerUnreadable,
    Violation::ServerTooLarge,
    Violation::TokenDown,
];

/// One thing that happens to a conversation.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Bytes of the client's.
    Client(Vec<u8>),
    /// Bytes of Rocket.Chat's.
    Server(Vec<u8>),
    /// What was asked is granted.
    Grant,
    /// It is not.
    Refuse(Refusal),
    /// A login was not answered in time.
    TimeOut,
    /// The client is asked for a sign of life.
    Ping,
}

/// What was written, and how it ended.
#[derive(Debug, Default)]
struct Outcome {
    up: Vec<u8>,
    down: Vec<u8>,
    /// What had gone down when the auth token was first in play: before that it is a word like any other.
    known: Option<usize>,
    violation: Option<Violation>,
}

impl Sink for Outcome {
    fn up(&mut self, bytes: &[u8]) {
        self.up.extend_from_slice(bytes);
    }

    fn down(&mut self, bytes: &[u8]) {
        self.down.extend_from_slice(bytes);
    }
}

/// Runs the steps twice and asserts all that must hold. `sizes` says how the second run's bytes are split, over and over.
pub(crate) fn check(framing: Framing, identity: Identity, steps: &[Step], sizes: &[usize]) {
    let whole = run(framing, identity, steps, &[usize::MAX]);
    let split = run(framing, identity, steps, sizes);
    for outcome in [&whole, &split] {
        check_up(&outcome.up, framing);
        check_down(outcome, framing);
    }
    // All of Rocket.Chat's that comes in one piece with one of our ids is looked into, so there splits do make a difference:
    // doubt ends one run and not the other, and a message in parts goes on whole, or in its parts as they come.
    let mentioned = steps
        .iter()
        .any(|step| matches!(step, Step::Server(bytes) if holds(bytes, PREFIX)));
    let ended = match [whole.violation, split.violation] {
        [Some(one), None] | [None, Some(one)] => {
            assert!(mentioned && LOOKED.contains(&one), "one run ended: {one}");
            return;
        }
        both => both[0].is_some(),
    };
    match (ended, mentioned) {
        (true, true) => {}
        (true, false) => {
            // What stood before the fault may have gone on already, or not.
            assert_begins_alike(&whole.up, &split.up);
            assert_begins_alike(&whole.down, &split.down);
        }
        (false, true) => {
            assert_same(&whole.up, &split.up);
            let [whole, split] =
                [&whole, &split].map(|outcome| wire::read(&outcome.down, Side::Server).messages);
            assert_eq!(whole, split, "splits change what comes down");
        }
        (false, false) => {
            assert_same(&whole.up, &split.up);
            assert_same(&whole.down, &split.down);
        }
    }
}

fn run(framing: Framing, identity: Identity, steps: &[Step], sizes: &[usize]) -> Outcome {
    let mut conversation = Conversation::new(Opening {
        framing,
        identity,
        max_message: MAX_MESSAGE,
        nonce: 0xab_cdef,
    });
    let rulings = Rulings::new(
        surface::plain(),
        Anonymous::Minimal,
        identity == Identity::Identified,
    );
    let mut outcome = Outcome::default();
    let mut sizes = sizes.iter().copied().cycle();
    // What the client said and was not taken.
    let mut left = Vec::new();
    let result = steps.iter().try_for_each(|step| {
        match step {
            Step::Client(bytes) => left.extend_from_slice(bytes),
            Step::Server(bytes) => {
                for piece in pieces(bytes, &mut sizes) {
                    conversation.from_server(piece, &rulings, &mut outcome)?;
                }
            }
            Step::Grant => {
                let before = outcome.up.len();
                conversation.granted(grant(), &mut outcome);
                if outcome.known.is_none() && outcome.up.len() > before {
                    outcome.known = Some(outcome.down.len());
                }
            }
            Step::Refuse(refusal) => conversation.refused(*refusal, &rulings, &mut outcome)?,
            Step::TimeOut => conversation.timed_out(&rulings, &mut outcome)?,
            Step::Ping => {
                conversation.ping(&mut outcome);
            }
        }
        let taken = offer(
            &mut conversation,
            &mut left,
            &mut sizes,
            |conversation, piece| conversation.from_client(piece, &rulings, &mut outcome),
        )?;
        left.drain(..taken);
        // Asked once, and answered by the steps.
        conversation.asks();
        Ok(())
    });
    outcome.violation = result.err();
    outcome
}

/// Offers the client's bytes in pieces until it must wait, and says how many were taken.
fn offer(
    conversation: &mut Conversation,
    bytes: &mut [u8],
    sizes: &mut impl Iterator<Item = usize>,
    mut give: impl FnMut(&mut Conversation, &mut [u8]) -> Result<usize, Violation>,
) -> Result<usize, Violation> {
    let mut at = 0;
    while at < bytes.len() && !conversation.holds_client() {
        let size = sizes.next().unwrap_or(usize::MAX).min(bytes.len() - at);
        let piece = &mut bytes[at..at + size];
        let before = piece.to_vec();
        let taken = give(conversation, piece)?;
        assert!(
            taken == size || conversation.holds_client(),
            "bytes were left for nothing"
        );
        assert_eq!(piece[taken..], before[taken..], "what was left was changed");
        at += taken;
    }
    Ok(at)
}

fn pieces<'a>(
    mut bytes: &'a [u8],
    sizes: &mut impl Iterator<Item = usize>,
) -> impl Iterator<Item = &'a [u8]> {
    iter::from_fn(move || {
        let size = sizes.next().unwrap_or(usize::MAX).min(bytes.len());
        let (piece, rest) = bytes.split_at(size);
        bytes = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

fn grant() -> Grant {
    Grant {
        credentials: Arc::new(Credentials::unminted("u1", TOKEN)),
        stand_in: Secret::new("stand-in".to_owned()),
        expires_at: UNIX_EPOCH + Duration::from_secs(5),
    }
}

/// Everything that reached Rocket.Chat: whole frames of a client's, and no message in them but what may be there.
fn check_up(up: &[u8], framing: Framing) {
    let stream = wire::read(up, Side::Client);
    assert!(
        stream.rest.is_empty() && stream.unfinished.is_empty(),
        "half a message went up"
    );
    let mut logins = 0;
    for text in stream.messages.iter().filter_map(text_of) {
        let text = std::str::from_utf8(text).expect("texts are utf-8");
        for message in unframed(text, framing) {
            check_said(&message, &mut logins);
        }
    }
}

fn text_of(message: &Message) -> Option<&[u8]> {
    (message.opcode == wire::TEXT).then_some(message.payload.as_slice())
}

/// The messages in a client's frame, as the SockJS server reads it: it parses what is there and takes an array's elements.
fn unframed(text: &str, framing: Framing) -> Vec<String> {
    if framing == Framing::Raw {
        return vec![text.to_owned()];
    }
    if text.is_empty() {
        return Vec::new();
    }
    let parsed = match text.starts_with('[') {
        true => serde_json::from_str(text),
        false => serde_json::from_str(text).map(|message| vec![message]),
    };
    parsed.unwrap_or_else(|_| panic!("no frame of texts went up: {text}"))
}

/// One message that reached Rocket.Chat.
fn check_said(message: &str, logins: &mut u32) {
    let Some(said) = Pairs::read(message) else {
        panic!("what is no object went up: {message}");
    };
    said.assert_plain_keys();
    let kind = said.text("msg");
    let [method, name] = ["method", "name"].map(|key| said.text(key));
    let needs_somebody = match kind.as_deref() {
        Some("method") => {
            let method = method.expect("a method has a name");
            if method == "login" {
                *logins += 1;
                assert_eq!(message, our_login(*logins), "a login that is none of ours");
                return;
            }
            let id = said.text("id").expect("a method has an id");
            assert!(
                !id.starts_with(PREFIX),
                "an id like ours went up: {message}"
            );
            assert!(
                surface::may_run(&method, said.one("params")),
                "{message} went up"
            );
            !boot::has_method(&method)
        }
        Some("sub") => {
            let name = name.expect("a subscription has a name");
            !boot::has_subscription(&name, said.one("params"))
        }
        _ => false,
    };
    assert!(
        !needs_somebody || *logins > 0,
        "before any login: {message}"
    );
}

fn our_login(number: u32) -> String {
    format!(
        r#"{{"msg":"method","method":"login","id":"{PREFIX}{number}","params":[{{"resume":"{TOKEN}"}}]}}"#
    )
}

/// Everything that reached the client: frames of a server's without the auth token and without answers to what it did not ask.
fn check_down(outcome: &Outcome, framing: Framing) {
    let down = outcome.down.as_slice();
    let stream = wire::read(down, Side::Server);
    let known = outcome.known.unwrap_or(down.len());
    assert!(!holds(&down[known..], TOKEN), "the auth token went down");
    for message in stream
        .messages
        .iter()
        .filter(|message| message.start >= known)
    {
        assert!(
            !holds(&message.payload, TOKEN),
            "the auth token went down in parts"
        );
        let Some(text) = text_of(message) else {
            continue;
        };
        let Ok(text) = std::str::from_utf8(text) else {
            continue;
        };
        let messages = match framing {
            Framing::Raw => vec![text.to_owned()],
            Framing::SockJs => text
                .strip_prefix('a')
                .and_then(|array| serde_json::from_str(array).ok())
                .unwrap_or_default(),
        };
        for message in messages
            .iter()
            .filter(|message| holds(message.as_bytes(), PREFIX))
        {
            check_heard(message);
        }
    }
}

/// A message with one of our ids in it is no answer to the login of that id.
fn check_heard(message: &str) {
    let Ok(heard) = serde_json::from_str::<serde_json::Value>(message) else {
        return;
    };
    let ours = |id: &serde_json::Value| id.as_str().is_some_and(|id| id.starts_with(PREFIX));
    let answer = match heard["msg"].as_str() {
        Some("result") => ours(&heard["id"]),
        Some("updated") => heard["methods"]
            .as_array()
            .is_some_and(|methods| methods.iter().any(ours)),
        _ => false,
    };
    assert!(!answer, "an answer to our login went down: {message}");
}

fn holds(bytes: &[u8], wanted: &str) -> bool {
    memchr::memmem::find(bytes, wanted.as_bytes()).is_some()
}

fn assert_same(whole: &[u8], split: &[u8]) {
    assert_eq!(
        whole.escape_ascii().to_string(),
        split.escape_ascii().to_string(),
        "splits change what comes out"
    );
}

fn assert_begins_alike(whole: &[u8], split: &[u8]) {
    let length = whole.len().min(split.len());
    assert_same(&whole[..length], &split[..length]);
}
