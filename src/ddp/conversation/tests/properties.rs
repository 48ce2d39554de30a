//! What holds for all bytes.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::harness::*;
use crate::ddp::frame::{Opcode, Sender};
use crate::ddp::{Framing, Identity, sockjs};

fn framing() -> impl Strategy<Value = Framing> {
    prop_oneof![Just(Framing::Raw), Just(Framing::SockJs)]
}

/// JSON of any shape, small.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec(("[a-z]{1,5}", inner), 0..4)
                .prop_map(|fields| { Value::Object(fields.into_iter().collect::<Map<_, _>>()) }),
        ]
    })
}

/// A message that passes when somebody is logged in.
fn harmless() -> impl Strategy<Value = String> {
    let method = ("[a-km-z][a-zA-Z:]{0,8}", ".{0,5}", vec(value(), 0..3)).prop_map(
        |(name, id, params)| json!({"msg": "method", "method": format!("x{name}"), "id": id, "params": params}),
    );
    let sub = ("[a-z]{1,8}", value(), vec(value(), 0..3)).prop_map(|(name, id, params)| {
        json!({"id": id, "name": format!("x{name}"), "params": params, "msg": "sub"})
    });
    let other = vec(("[a-z]{7,9}", value()), 0..4)
        .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>()));
    prop_oneof![method, sub, other].prop_map(|message| message.to_string())
}

/// One message on the wire: its parts, with a mask each, and control frames between them.
#[derive(Clone, Debug)]
struct Shape {
    cuts: Vec<prop::sample::Index>,
    keys: [[u8; 4]; 4],
    control: Option<Vec<u8>>,
}

fn shape() -> impl Strategy<Value = Shape> {
    let control = proptest::option::of(vec(any::<u8>(), 0..=125));
    (
        vec(any::<prop::sample::Index>(), 0..3),
        any::<[[u8; 4]; 4]>(),
        control,
    )
        .prop_map(|(cuts, keys, control)| Shape {
            cuts,
            keys,
            control,
        })
}

fn wire(text: &str, shape: &Shape, sender: Sender) -> Vec<u8> {
    let mut cuts: Vec<_> = shape
        .cuts
        .iter()
        .map(|cut| cut.index(text.len() + 1))
        .collect();
    cuts.sort_unstable();
    let mut out = Vec::new();
    let mut start = 0;
    for (index, end) in cuts.iter().copied().chain([text.len()]).enumerate() {
        let opcode = if index == 0 {
            Opcode::Text
        } else {
            Opcode::Continuation
        };
        let key = (sender == Sender::Client).then_some(shape.keys[index]);
        let payload = &text.as_bytes()[start..end];
        start = end;
        if index == cuts.len() {
            out.extend(framed(opcode, key, payload));
            continue;
        }
        out.extend(part(opcode, key, payload));
        if let Some(control) = &shape.control {
            out.extend(framed(Opcode::Ping, key, control));
        }
    }
    out
}

/// Feeds the bytes in pieces of these sizes, over and over.
fn split<'a>(mut bytes: &'a [u8], sizes: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    sizes.iter().cycle().map_while(move |size| {
        let (piece, rest) = bytes.split_at((*size).min(bytes.len()));
        bytes = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

fn somebody(framing: Framing) -> Talk {
    let mut talk = Talk::connected(framing, Identity::Anonymous);
    talk.log_in(1);
    talk.wires = Default::default();
    talk
}

fn in_frame(framing: Framing, text: &str) -> String {
    match framing {
        Framing::Raw => text.to_owned(),
        Framing::SockJs => sockjs::to_server([sockjs::quote(text).as_str()]),
    }
}

fn down_frame(framing: Framing, text: &str) -> String {
    match framing {
        Framing::Raw => text.to_owned(),
        Framing::SockJs => sockjs::to_client([sockjs::quote(text).as_str()]),
    }
}

/// A name with some of its letters escaped.
fn escaped(name: &str, which: u32) -> String {
    name.chars()
        .enumerate()
        .map(|(index, letter)| match which >> index & 1 {
            0 => letter.to_string(),
            _ => format!("\\u{:04x}", letter as u32),
        })
        .collect()
}

proptest! {
    #[test]
    fn clients_frames_come_out_the_same_however_they_are_split(
        framing in framing(),
        messages in vec((prop_oneof![
            4 => harmless(),
            1 => Just(r#"{"msg":"method","method":"createToken","id":"9"}"#.to_owned()),
            1 => Just("}".to_owned()),
        ], shape()), 1..5),
        sizes in vec(1usize..200, 1..6),
    ) {
        let bytes: Vec<u8> = messages
            .iter()
            .flat_map(|(text, shape)| wire(&in_frame(framing, text), shape, Sender::Client))
            .collect();
        let mut whole = somebody(framing);
        prop_assert_eq!(whole.offer(&mut bytes.clone()), Ok(bytes.len()));
        let mut pieces = somebody(framing);
        for piece in split(&bytes, &sizes) {
            prop_assert_eq!(pieces.offer(&mut piece.to_vec()), Ok(piece.len()));
        }
        prop_assert_eq!(&whole.wires.up, &pieces.wires.up);
        prop_assert_eq!(&whole.wires.down, &pieces.wires.down);
    }

    #[test]
    fn a_client_that_must_wait_says_the_same_however_it_is_split(
        framing in framing(),
        messages in vec(prop_oneof![
            3 => harmless(),
            2 => Just(LOGIN.to_owned()),
        ], 1..6),
        sizes in vec(1usize..200, 1..6),
    ) {
        let bytes: Vec<u8> = messages
            .iter()
            .flat_map(|text| client(&in_frame(framing, text)))
            .collect();
        let run = |sizes: &[usize]| {
            let mut talk = Talk::connected(framing, Identity::Identified);
            let mut number = 0;
            for piece in split(&bytes, sizes) {
                let mut piece = piece.to_vec();
                let mut at = 0;
                loop {
                    at += talk.offer(&mut piece[at..]).unwrap();
                    if talk.conversation.asks().is_none() {
                        break;
                    }
                    number += 1;
                    talk.grant();
                    talk.hear(&updated(number)).unwrap();
                    talk.hear(&result(number)).unwrap();
                }
                assert_eq!(at, piece.len());
            }
            (talk.went_up(), talk.went_down())
        };
        prop_assert_eq!(run(&[usize::MAX]), run(&sizes));
    }

    #[test]
    fn rocket_chats_messages_come_out_the_same_however_they_are_split(
        framing in framing(),
        scrubbing in any::<bool>(),
        messages in vec((prop_oneof![
            4 => harmless(),
            1 => Just(r#"{"msg":"changed","fields":"SECRET"}"#.to_owned()),
            1 => Just(result(2)),
            1 => Just(updated(9)),
        ], shape()), 1..6),
        sizes in vec(1usize..200, 1..6),
    ) {
        let bytes: Vec<u8> = messages
            .iter()
            .flat_map(|(text, shape)| wire(&down_frame(framing, text), shape, Sender::Server))
            .collect();
        let run = |sizes: &[usize]| {
            let mut talk = somebody(framing);
            if scrubbing {
                talk.say(r#"{"msg":"sub","id":"5","name":"userData"}"#);
            }
            // Its `updated` never comes, so everything is looked into.
            talk.say(LOGIN);
            talk.grant();
            for piece in split(&bytes, sizes) {
                talk.hear_bytes(piece).unwrap();
            }
            frames(&talk.wires.down, Sender::Server)
        };
        prop_assert_eq!(run(&[usize::MAX]), run(&sizes));
    }

    #[test]
    fn rocket_chats_bytes_pass_unseen_as_they_came(
        framing in framing(),
        messages in vec((harmless(), shape()), 1..6),
        sizes in vec(1usize..200, 1..6),
    ) {
        let bytes: Vec<u8> = messages
            .iter()
            .flat_map(|(text, shape)| wire(&down_frame(framing, text), shape, Sender::Server))
            .collect();
        let mut talk = somebody(framing);
        for piece in split(&bytes, &sizes) {
            talk.hear_bytes(piece).unwrap();
        }
        prop_assert_eq!(talk.wires.down, bytes);
    }

    #[test]
    fn what_is_harmless_passes_byte_for_byte(
        framing in framing(),
        message in harmless(),
        pretty in any::<bool>(),
    ) {
        let message = match serde_json::from_str::<Value>(&message) {
            Ok(value) if pretty => serde_json::to_string_pretty(&value).unwrap(),
            _ => message,
        };
        let frame = client(&in_frame(framing, &message));
        let mut talk = somebody(framing);
        talk.offer(&mut frame.clone()).unwrap();
        prop_assert_eq!(talk.wires.up, frame);
        prop_assert!(talk.wires.down.is_empty());
    }

    #[test]
    fn no_bytes_make_it_panic(
        framing in framing(),
        frames in vec((vec(any::<u8>(), 0..60), 0u8..4), 0..6),
        sizes in vec(1usize..50, 1..4),
    ) {
        let mut bytes = Vec::new();
        for (payload, kind) in frames {
            match kind {
                0 => bytes.extend(payload),
                1 => bytes.extend(framed(Opcode::Text, Some(KEY), &payload)),
                2 => bytes.extend(framed(Opcode::Text, None, &payload)),
                _ => bytes.extend(client(&String::from_utf8_lossy(&payload))),
            }
        }
        let mut talk = somebody(framing);
        talk.say(LOGIN);
        talk.grant();
        let _ = split(&bytes, &sizes).try_for_each(|piece| talk.hear_bytes(piece));
        let mut talk = somebody(framing);
        let _ = split(&bytes, &sizes)
            .try_for_each(|piece| talk.offer(&mut piece.to_vec()).map(drop));
    }

    #[test]
    fn no_denied_name_goes_up_however_it_is_written(
        framing in framing(),
        which in any::<[u32; 4]>(),
        order in Just([0, 1, 2, 3]).prop_shuffle(),
        extra in value(),
        noise in "[\"\\\\{}\\[\\],:a ]{0,6}",
        place in 0usize..8,
        shape in shape(),
        sizes in vec(1usize..100, 1..5),
        name in prop_oneof![Just("createToken"), Just("login"), Just("logout")],
    ) {
        let fields = [
            format!(r#""{}":"{}""#, escaped("msg", which[0]), escaped("method", which[1])),
            format!(r#""{}" : "{}""#, escaped("method", which[2]), escaped(name, which[3])),
            r#""id":"1""#.to_owned(),
            format!(r#""x":{extra}"#),
        ];
        let ordered: Vec<_> = order.iter().map(|index| fields[*index].as_str()).collect();
        let mut message = format!("{{{}}}", ordered.join(","));
        // Noise at some place may break it, or not.
        if let Some(at) = message.char_indices().nth(place * 7).map(|(at, _)| at) {
            message.insert_str(at, &noise);
        }
        let bytes = wire(&in_frame(framing, &message), &shape, Sender::Client);
        let mut talk = somebody(framing);
        for piece in split(&bytes, &sizes) {
            let _ = talk.offer(&mut piece.to_vec());
        }
        for (opcode, text) in frames(&talk.wires.up, Sender::Client) {
            if opcode != Opcode::Text {
                continue;
            }
            let mut texts = vec![String::from_utf8(text).unwrap()];
            if framing == Framing::SockJs {
                texts = serde_json::from_str(&texts[0]).unwrap();
            }
            for text in texts {
                let seen: Value = serde_json::from_str(&text).unwrap();
                prop_assert!(seen["msg"] != "method" || seen["method"] != name, "{}", text);
            }
        }
    }
}
