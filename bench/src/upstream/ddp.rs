//! As much DDP as the measured sockets speak: logins, methods that answer with what they were given, pings.
//!
//! Texts are searched and not parsed, because both who write them are known: the bench's clients and Gantry.

use std::io::ErrorKind;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::frames::{self, Frame};

/// The method whose result is longer than its parameters, as the events that Rocket.Chat tells are longer than what causes them.
pub(crate) const STRETCH: &str = "bench:stretch";

/// By how much.
const STRETCHED: usize = 100;

/// How texts stand in frames.
#[derive(Clone, Copy)]
pub(super) enum Framing {
    Raw,
    SockJs,
}

/// Answers on a socket until it closes.
pub(super) async fn speak(upgrade: OnUpgrade, framing: Framing) {
    let Ok(upgraded) = upgrade.await else { return };
    let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else {
        return;
    };
    let mut stream = parts.io.into_inner();
    let mut held = Vec::new();
    let mut out = Vec::new();
    if let Framing::SockJs = framing {
        frames::write_plain(&mut out, "o");
    }
    loop {
        if !out.is_empty() && stream.write_all(&out).await.is_err() {
            return;
        }
        // Thousands of sockets rest here: none keeps room.
        out = Vec::new();
        if stream.readable().await.is_err() || !hear(&stream, &mut held, &mut out, framing) {
            return;
        }
    }
}

/// Reads once and writes the answers to what is whole; false when the socket is over.
fn hear(stream: &TcpStream, held: &mut Vec<u8>, out: &mut Vec<u8>, framing: Framing) -> bool {
    let mut buffer = [0; 8 * 1024];
    let read = match stream.try_read(&mut buffer) {
        Ok(0) => return false,
        Ok(read) => read,
        Err(error) => return error.kind() == ErrorKind::WouldBlock,
    };
    held.extend_from_slice(&buffer[..read]);
    let mut bytes = held.as_slice();
    while let Some(frame) = Frame::read(bytes) {
        let text = frame.text(bytes);
        match framing {
            Framing::Raw => answer(&text, &mut |answer| frames::write_plain(out, answer)),
            Framing::SockJs => {
                let texts: Vec<String> = serde_json::from_str(&text).unwrap_or_default();
                for text in texts {
                    answer(&text, &mut |answer| {
                        let quoted = serde_json::Value::from(answer).to_string();
                        frames::write_plain(out, &format!("a[{quoted}]"));
                    });
                }
            }
        }
        bytes = &bytes[frame.text.end..];
    }
    *held = bytes.to_vec();
    true
}

fn answer(text: &str, tell: &mut impl FnMut(&str)) {
    if text.starts_with(r#"{"msg":"ping""#) {
        tell(r#"{"msg":"pong"}"#);
    } else if text.starts_with(r#"{"msg":"connect""#) {
        tell(r#"{"msg":"connected","session":"bench"}"#);
    } else if let Some(id) = between(text, r#""id":""#, r#"""#) {
        if let Some(token) = between(text, r#""method":"login","#, "]")
            .and_then(|login| between(login, r#"{"resume":""#, r#"""#))
        {
            log_in(id, token, tell);
        } else if let Some((_, params)) = text.split_once(r#""params":"#) {
            let params = params.strip_suffix('}').unwrap_or(params);
            let room = if text.contains(STRETCH) { STRETCHED } else { 0 };
            tell(&format!(
                r#"{{"msg":"result","id":"{id}","result":{{"given":{params},"room":"{:x<room$}"}}}}"#,
                ""
            ));
        }
    }
}

/// Says all that Rocket.Chat says to a login. Its user's id stands in the token; who shows another token is nobody in particular.
fn log_in(id: &str, token: &str, tell: &mut impl FnMut(&str)) {
    let user = token.split_once('~').map_or("nobody", |(_, user)| user);
    tell(&format!(
        r#"{{"msg":"added","collection":"users","id":"{user}","fields":{{"username":"{user}"}}}}"#
    ));
    tell(&format!(
        r#"{{"msg":"result","id":"{id}","result":{{"id":"{user}","token":"{token}","tokenExpires":{{"$date":4102444800000}},"type":"resume"}}}}"#
    ));
    tell(&format!(r#"{{"msg":"updated","methods":["{id}"]}}"#));
}

fn between<'a>(text: &'a str, before: &str, behind: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(behind)?.0)
}
