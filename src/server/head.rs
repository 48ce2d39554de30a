//! What the HTTP reader does not tell of an HTTP/1 head, seen from its bytes on their way by: that it frames its body in two ways
//! (the reader drops the length, RFC 9112 §6.3), that its target has a fragment (the reader cuts it off), and that it has too many
//! fields (the reader's own answer to that says nothing).
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
    /// More fields than allowed: what came is cut short, and only the refusal is true of it.
    pub too_many_fields: bool,
}

impl Signs {
    /// As bits, to be kept in an atomic.
    #[must_use]
    pub fn bits(self) -> u8 {
        u8::from(self.two_framings)
            | u8::from(self.fragment) << 1
            | u8::from(self.too_many_fields) << 2
    }

    /// Back from [`Signs::bits`].
    #[must_use]
    pub fn from_bits(bits: u8) -> Self {
        Self {
            two_framings: bits & 1 != 0,
            fragment: bits & 2 != 0,
            too_many_fields: bits & 4 != 0,
        }
    }
}

/// Follows one head through however many reads it comes in.
#[derive(Debug, Default)]
pub struct HeadScan {
    /// Fields that may still come.
    left: usize,
    start: [u8; START],
    length: usize,
    line: Line,
    hash: bool,
    coded: bool,
    sized: bool,
    fragment: bool,
    too_many: bool,
}

/// How far a head has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// Not to its end.
    NotYet,
    /// To its end.
    Whole,
    /// To one field too many, which begins behind so many of the bytes.
    TooMany(usize),
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
    /// Begins with a head that may have so many fields.
    #[must_use]
    pub fn new(fields: usize) -> Self {
        Self {
            left: fields,
            ..Self::default()
        }
    }

    /// Follows these bytes.
    pub fn passed(&mut self, all: &[u8]) -> Passed {
        let mut bytes = all;
        while self.line != Line::Over && !bytes.is_empty() {
            if self.left == 0 && self.begins_field(bytes) {
                self.line = Line::Over;
                self.too_many = true;
                return Passed::TooMany(all.len() - bytes.len());
            }
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
        if self.line == Line::Over {
            Passed::Whole
        } else {
            Passed::NotYet
        }
    }

    /// Does another field begin here, instead of the empty line that ends the head?
    fn begins_field(&self, bytes: &[u8]) -> bool {
        self.line == Line::Field
            && self.length == 0
            && !matches!(bytes.first(), Some(b'\r' | b'\n') | None)
    }

    /// What was seen so far.
    #[must_use]
    pub fn signs(&self) -> Signs {
        Signs {
            two_framings: self.coded && self.sized,
            fragment: self.fragment,
            too_many_fields: self.too_many,
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
                self.left = self.left.saturating_sub(1);
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
            let mut scan = HeadScan::new(9);
            let mut over = false;
            for part in head.as_bytes().chunks(size) {
                over = scan.passed(part) == Passed::Whole;
            }
            let Signs {
                two_framings,
                fragment,
                ..
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

    /// However a head is cut into reads, as much of it goes on.
    #[track_caller]
    fn check_cut(head: &str, fields: usize, expected: Option<&str>) {
        for size in 1..=head.len() {
            let mut scan = HeadScan::new(fields);
            let (mut gone_on, mut cut) = (String::new(), false);
            for part in head.as_bytes().chunks(size) {
                let at = match scan.passed(part) {
                    _ if cut => 0,
                    Passed::TooMany(at) => {
                        cut = true;
                        at
                    }
                    Passed::NotYet | Passed::Whole => part.len(),
                };
                gone_on += std::str::from_utf8(&part[..at]).unwrap();
            }
            assert_eq!(scan.signs().too_many_fields, cut);
            let seen = cut.then_some(gone_on.as_str());
            assert_eq!(seen, expected, "{head:?} by {size}");
        }
    }

    #[test]
    fn a_head_is_cut_before_the_field_that_is_too_many() {
        let head = "GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n";
        check_cut(head, 3, None);
        check_cut(head, 2, Some("GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\n"));
        check_cut(head, 1, Some("GET / HTTP/1.1\r\nA: 1\r\n"));
        check_cut("GET / HTTP/1.1\n\nbody\n", 0, None);
        check_cut("GET / HTTP/1.1\nX", 0, Some("GET / HTTP/1.1\n"));
    }

    #[test]
    fn signs_survive_their_bits() {
        for bits in 0..8 {
            assert_eq!(Signs::from_bits(bits).bits(), bits);
        }
    }
}
