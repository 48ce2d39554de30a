//! What the HTTP reader does not tell of an HTTP/1 head, seen from its bytes on their way by: that it frames its body in two ways
//! (the reader drops the length, RFC 9112 §6.3), and that its target has a fragment (the reader cuts it off).
//!
//! It keeps a line's first bytes and nothing else. Heads that a client sends ahead of their turn are not looked at: for those, what
//! the reader does has to do, and it is safe: one framing counts and the connection closes, and what is cut off goes nowhere.

/// Bytes of a line's beginning that are looked at: as many as the longest name has with its colon.
const START: usize = TRANSFER_ENCODING.len();

const TRANSFER_ENCODING: &[u8] = b"transfer-encoding:";
const CONTENT_LENGTH: &[u8] = b"content-length:";

/// What was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs {
    /// Both `Transfer-Encoding` and `Content-Length`: two hops could disagree about where the request ends (GHSA-xq2h-p299-vjwv).
    pub two_framings: bool,
    /// A `#` in the target: two hops could disagree about what is asked for (GHSA-pxq7-h93f-9jrg).
    pub fragment: bool,
}

impl Signs {
    /// As bits, to be kept in an atomic.
    #[must_use]
    pub fn bits(self) -> u8 {
        u8::from(self.two_framings) | u8::from(self.fragment) << 1
    }

    /// Back from [`Signs::bits`].
    #[must_use]
    pub fn from_bits(bits: u8) -> Self {
        Self {
            two_framings: bits & 1 != 0,
            fragment: bits & 2 != 0,
        }
    }
}

/// Follows one head through however many reads it comes in.
#[derive(Debug, Default)]
pub struct HeadScan {
    start: [u8; START],
    length: usize,
    line: Line,
    hash: bool,
    coded: bool,
    sized: bool,
    fragment: bool,
}

/// Which line comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Line {
    #[default]
    Request,
    Field,
    /// The head has ended.
    Over,
}

impl HeadScan {
    /// Follows these bytes; true when the head has ended.
    pub fn passed(&mut self, mut bytes: &[u8]) -> bool {
        while self.line != Line::Over && !bytes.is_empty() {
            let end = memchr::memchr(b'\n', bytes);
            let (part, rest) = bytes.split_at(end.map_or(bytes.len(), |at| at + 1));
            bytes = rest;
            if self.length == 0 && end.is_some() {
                // A whole line in one piece, as almost all come, is looked at where it lies.
                self.hash = self.line == Line::Request && has_hash(part);
                self.whole_line(&part[..part.len().min(START)]);
                continue;
            }
            self.part(part);
            if end.is_some() {
                let (start, length) = (self.start, self.length);
                self.whole_line(&start[..length]);
            }
        }
        self.line == Line::Over
    }

    /// What was seen so far.
    #[must_use]
    pub fn signs(&self) -> Signs {
        Signs {
            two_framings: self.coded && self.sized,
            fragment: self.fragment,
        }
    }

    fn part(&mut self, part: &[u8]) {
        let room = part.len().min(START - self.length);
        self.start[self.length..self.length + room].copy_from_slice(&part[..room]);
        self.length += room;
        if self.line == Line::Request {
            self.hash |= has_hash(part);
        }
    }

    /// A line has ended that begins so.
    fn whole_line(&mut self, start: &[u8]) {
        let empty = matches!(start, b"\n" | b"\r\n");
        match self.line {
            // Empty lines before a request are nothing (RFC 9112 §2.2).
            Line::Request if empty => {}
            Line::Request => {
                self.fragment = self.hash && is_request(start);
                self.line = Line::Field;
            }
            Line::Field if empty => self.line = Line::Over,
            Line::Field => {
                self.coded |= begins(start, TRANSFER_ENCODING);
                self.sized |= begins(start, CONTENT_LENGTH);
            }
            Line::Over => {}
        }
        self.length = 0;
        self.hash = false;
    }
}

fn has_hash(bytes: &[u8]) -> bool {
    memchr::memchr(b'#', bytes).is_some()
}

/// Does the line begin as a request does? The rest of a head that was sent ahead does not.
fn is_request(start: &[u8]) -> bool {
    let method = start.iter().take_while(|byte| byte.is_ascii_uppercase());
    let method = method.count();
    method > 0 && start.get(method) == Some(&b' ')
}

fn begins(start: &[u8], name: &[u8]) -> bool {
    // The first letters differ almost always.
    if !start
        .first()
        .zip(name.first())
        .is_some_and(|(one, other)| one.eq_ignore_ascii_case(other))
    {
        return false;
    }
    let beginning = start.get(..name.len());
    beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However a head is cut into reads, the same is seen.
    #[track_caller]
    fn check(head: &str, expected: Option<(bool, bool)>) {
        for size in 1..=head.len() {
            let mut scan = HeadScan::default();
            let mut over = false;
            for part in head.as_bytes().chunks(size) {
                over = scan.passed(part);
            }
            let Signs {
                two_framings,
                fragment,
            } = scan.signs();
            let seen = over.then_some((two_framings, fragment));
            assert_eq!(seen, expected, "{head:?} by {size}");
        }
    }

    #[test]
    fn two_framings_are_seen_in_any_order_and_case() {
        check("GET / HTTP/1.1\r\nHost: x\r\n\r\n", Some((false, false)));
        check(
            "POST / HTTP/1.1\r\nContent-Length: 5\r\nHost: x\r\n\r\n",
            Some((false, false)),
        );
        check(
            "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            Some((true, false)),
        );
        check(
            "POST / HTTP/1.1\nTRANSFER-encoding:chunked\ncontent-LENGTH:5\n\n",
            Some((true, false)),
        );
        check(
            "POST / HTTP/1.1\r\nX-Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            Some((false, false)),
        );
    }

    #[test]
    fn a_fragment_is_seen_in_the_target_only() {
        check("GET /a#b HTTP/1.1\r\n\r\n", Some((false, true)));
        check("\r\n\r\nGET /a?b#c HTTP/1.1\r\n\r\n", Some((false, true)));
        check(
            "GET /a HTTP/1.1\r\nReferer: /a#b\r\n\r\n",
            Some((false, false)),
        );
        // The end of a head whose beginning was sent ahead.
        check("rer: /a#b\r\nHost: x\r\n\r\n", Some((false, false)));
    }

    #[test]
    fn a_head_ends_with_its_empty_line() {
        check("GET / HTTP/1.1\r\nHost: x\r\n", None);
        check("", None);
        check(
            "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nTransfer-Encoding: x\r\n\r\n",
            Some((false, false)),
        );
    }

    #[test]
    fn signs_survive_their_bits() {
        for bits in 0..4 {
            assert_eq!(Signs::from_bits(bits).bits(), bits);
        }
    }
}
