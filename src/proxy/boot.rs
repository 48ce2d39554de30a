//! Puts the boot script in front of Rocket.Chat's own scripts: a link to it right behind `<head>`, so that it has run before they do.
//!
//! It is an external file of our own origin, which Rocket.Chat's policy lets through (RC §7.5). The page streams on; only what comes
//! before `<head>` is held, and no more than a window of it. A page that something else than us could have stored without the script,
//! or that came in a coding, is not made worse: the one is asked for anew, the other passes as it is.

use http::header::{self, HeaderMap, HeaderName};
use http::{Method, Response, StatusCode};

use crate::body::{Body, Insertion, Seen};
use crate::proxy::files::make_private;
use crate::proxy::html::is_html;

/// What is put in.
const LINK: &str = "<script src=\"/_gantry/boot.js\"></script>";

/// How far `<head>` is looked for: far above what comes before it in any page of Rocket.Chat's.
const WINDOW: usize = 16 * 1024;

/// By these a client would be told that it has the page already, or be given a part of it.
const CONDITIONS: [HeaderName; 5] = [
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_MATCH,
    header::IF_RANGE,
    header::RANGE,
];

/// What describes the bytes that Rocket.Chat sent, which are others now.
const DESCRIPTIONS: [HeaderName; 4] = [
    header::CONTENT_LENGTH,
    header::ETAG,
    header::LAST_MODIFIED,
    header::ACCEPT_RANGES,
];

/// Does the client ask for a page to be shown, rather than for some file?
pub fn wants_page(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

/// Asks for the page as a whole, whatever the client has of it.
pub fn ask_whole(headers: &mut HeaderMap) {
    for condition in CONDITIONS {
        headers.remove(condition);
    }
}

/// The page with the script in it.
#[must_use]
pub fn insert(method: &Method, answer: Response<Body>) -> Response<Body> {
    let (mut head, body) = answer.into_parts();
    let coded = head.headers.contains_key(header::CONTENT_ENCODING);
    if head.status != StatusCode::OK || coded || !is_html(&head.headers) {
        return Response::from_parts(head, body);
    }
    for description in DESCRIPTIONS {
        head.headers.remove(description);
    }
    make_private(&mut head.headers);
    if *method == Method::HEAD {
        return Response::from_parts(head, body);
    }
    let insertion = Insertion {
        piece: LINK,
        window: WINDOW,
        place,
    };
    Response::from_parts(head, body.inserting(insertion))
}

/// Behind `<head …>` or, in a page that has none to be found, behind its doctype: scripts that stand there belong to the head all the
/// same (HTML §13.2.6.4.2).
fn place(page: &[u8], seen: Seen) -> Option<usize> {
    match Scan::new(page).head() {
        Found::Head(at) => Some(at),
        Found::No { front } => (seen == Seen::Whole).then_some(front),
        Found::Body { front } => Some(front),
    }
}

/// What a look at a page's beginning tells.
enum Found {
    /// Its head begins here.
    Head(usize),
    /// It goes on without a head; the front is where its first thing stands that is no doctype.
    Body { front: usize },
    /// No head so far.
    No { front: usize },
}

/// A walk over tags and comments, as far as they are whole.
struct Scan<'a> {
    page: &'a [u8],
    at: usize,
    front: usize,
}

impl<'a> Scan<'a> {
    fn new(page: &'a [u8]) -> Self {
        let at = if page.starts_with(b"\xef\xbb\xbf") {
            3
        } else {
            0
        };
        Self {
            page,
            at,
            front: at,
        }
    }

    fn head(mut self) -> Found {
        loop {
            let Some(open) = memchr::memchr(b'<', self.rest()) else {
                return self.nothing();
            };
            let text = self.rest().get(..open).unwrap_or_default();
            if !text.trim_ascii().is_empty() {
                // Text begins the body.
                return self.body();
            }
            self.at += open;
            if self.rest().starts_with(b"<!--") {
                // A comment may hold what looks like a head.
                let Some(end) = memchr::memmem::find(self.rest(), b"-->") else {
                    return self.nothing();
                };
                self.at += end + b"-->".len();
                continue;
            }
            let Some(end) = tag_end(self.rest()) else {
                return self.nothing();
            };
            let tag = self.rest().get(..end).unwrap_or_default();
            let (doctype, html, head) = (
                is_tag(tag, b"!doctype"),
                is_tag(tag, b"html"),
                is_tag(tag, b"head"),
            );
            self.at += end;
            if head {
                return Found::Head(self.at);
            }
            if doctype {
                self.front = self.at;
            } else if !html {
                return self.body();
            }
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.page.get(self.at..).unwrap_or_default()
    }

    fn nothing(&self) -> Found {
        Found::No { front: self.front }
    }

    fn body(&self) -> Found {
        Found::Body { front: self.front }
    }
}

/// Where a tag ends: behind the first `>` that stands in no quotes.
fn tag_end(tag: &[u8]) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in tag.iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at + 1),
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            (None | Some(_), _) => {}
        }
    }
    None
}

/// Is this whole tag one of that name?
fn is_tag(tag: &[u8], name: &[u8]) -> bool {
    let Some((begin, rest)) = tag
        .strip_prefix(b"<")
        .and_then(|tag| tag.split_at_checked(name.len()))
    else {
        return false;
    };
    begin.eq_ignore_ascii_case(name)
        && rest
            .first()
            .is_some_and(|next| next.is_ascii_whitespace() || matches!(next, b'>' | b'/'))
}

#[cfg(test)]
mod tests;
