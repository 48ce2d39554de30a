//! Of Envoy's messages (`envoy/service/auth/v3/external_auth.proto`) the fields that are read or written here, under their numbers there.
//!
//! The prepared code of the whole interface copies every text of a message, most of which nobody reads, and sorts the fields into a map to
//! have them put into another; it made a warm decision a third dearer than these, which lie where the message came in. The tests speak
//! with that prepared code.

use bytes::Bytes;
use prost::Message as _;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// The question.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CheckRequest {
    #[prost(message, optional, tag = "1")]
    pub(super) attributes: Option<AttributeContext>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AttributeContext {
    #[prost(message, optional, tag = "4")]
    pub(super) request: Option<Request>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Request {
    /// A message, left as it came: see [`HttpRequest`].
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) http: Bytes,
}

/// The members of [`HttpRequest`] that are read.
const READ: [u32; 8] = [2, 3, 4, 5, 7, 8, 10, 13];

/// The request that is asked about, where it lies in the question: nothing of it is copied, and most of its fields are never looked at.
/// Texts are bytes here: what is read is looked at where it is read.
#[derive(Default)]
pub(super) struct HttpRequest<'a> {
    pub(super) method: &'a [u8],
    pub(super) path: &'a [u8],
    pub(super) host: &'a [u8],
    pub(super) query: &'a [u8],
    pub(super) fragment: &'a [u8],
    pub(super) protocol: &'a [u8],
    /// The fields that are merged by name: a map, which on the wire is a list of its entries.
    pub(super) merged: Vec<&'a [u8]>,
    /// The fields as they came, if they come so.
    pub(super) raw: Vec<Field>,
}

/// Fields that most requests have no more than.
const USUAL: usize = 24;

impl<'a> HttpRequest<'a> {
    /// Reads the message; `None` when it is none. What comes twice counts as it came last, as the format has it.
    pub(super) fn read(message: &'a Bytes) -> Option<Self> {
        let mut read = Self {
            merged: Vec::with_capacity(USUAL),
            ..Self::default()
        };
        for member in Members(message) {
            let (tag, text) = member?;
            let Some(text) = text else {
                // One that is read, and of another kind than it should be, must not count as absent.
                if READ.contains(&tag) {
                    return None;
                }
                continue;
            };
            match tag {
                2 => read.method = text,
                3 => read.merged.push(text),
                4 => read.path = text,
                5 => read.host = text,
                7 => read.query = text,
                8 => read.fragment = text,
                10 => read.protocol = text,
                13 => read.raw = RawFields::decode(message.slice_ref(text)).ok()?.headers,
                _ => {}
            }
        }
        Some(read)
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RawFields {
    #[prost(message, repeated, tag = "1")]
    pub(super) headers: Vec<Field>,
}

/// A field with its value, in one of two forms.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Field {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) value: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub(super) raw_value: Bytes,
}

/// The answer that is a no; a yes is written by [`super::yes`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct CheckResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) status: Option<Status>,
    #[prost(message, optional, tag = "2")]
    pub(super) denied: Option<DeniedHttpResponse>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct Status {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DeniedHttpResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) status: Option<HttpStatus>,
    #[prost(message, repeated, tag = "2")]
    pub(super) headers: Vec<FieldOption>,
    #[prost(string, tag = "3")]
    pub(super) body: String,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct HttpStatus {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct FieldOption {
    #[prost(message, optional, tag = "1")]
    pub(super) header: Option<Field>,
    #[prost(int32, tag = "3")]
    pub(super) append_action: i32,
}

/// Key and value of a map's entry; `None` when it is none.
pub(super) fn entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut key, mut value): (&[u8], &[u8]) = (b"", b"");
    for member in Members(bytes) {
        match member? {
            (1, Some(text)) => key = text,
            (2, Some(text)) => value = text,
            _ => return None,
        }
    }
    Some((key, value))
}

/// The members of a message with their numbers, and what they hold if that is a text or a message; `None` is the last of one that
/// breaks off.
struct Members<'a>(&'a [u8]);

impl<'a> Iterator for Members<'a> {
    type Item = Option<(u32, Option<&'a [u8]>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let member = self.member();
        if member.is_none() {
            self.0 = b"";
        }
        Some(member)
    }
}

impl<'a> Members<'a> {
    fn member(&mut self) -> Option<(u32, Option<&'a [u8]>)> {
        // A short text under a low number, as most members are: both fit into a byte each.
        if let [key @ 0x08..=0x7f, length @ ..=0x7f, rest @ ..] = self.0
            && key & 7 == WireType::LengthDelimited as u8
        {
            let (text, rest) = rest.split_at_checked(usize::from(*length))?;
            self.0 = rest;
            return Some((u32::from(key >> 3), Some(text)));
        }
        let (tag, kind) = decode_key(&mut self.0).ok()?;
        if kind != WireType::LengthDelimited {
            skip_field(kind, tag, &mut self.0, DecodeContext::default()).ok()?;
            return Some((tag, None));
        }
        let length = usize::try_from(decode_varint(&mut self.0).ok()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, Some(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `method: "GET"`, then what is given.
    fn read(rest: &[u8]) -> Option<usize> {
        let message = Bytes::from([b"\x12\x03GET", rest].concat());
        let read = HttpRequest::read(&message)?;
        assert_eq!(read.method, b"GET");
        let entries: Option<Vec<_>> = read.merged.into_iter().map(entry).collect();
        entries.map(|entries| entries.len())
    }

    #[test]
    fn members_that_are_not_read_are_passed_over() {
        // `size`, a number; and one of a number that nobody knows yet.
        assert_eq!(read(b"\x48\x07"), Some(0));
        assert_eq!(read(b"\xa0\x06\x01"), Some(0));
    }

    #[test]
    fn a_member_of_another_kind_than_it_should_be_is_refused() {
        for tag in READ {
            let key = u8::try_from(tag << 3).unwrap();
            assert_eq!(read(&[key, 1]), None, "{tag}");
        }
    }

    #[test]
    fn an_entry_of_a_map_holds_texts_only() {
        assert_eq!(read(b"\x1a\x06\x0a\x01a\x12\x01b"), Some(1));
        assert_eq!(read(b"\x1a\x05\x0a\x01a\x10\x01"), None);
    }

    #[test]
    fn what_breaks_off_is_no_message() {
        assert_eq!(read(b"\x22\x05/a"), None);
        assert_eq!(read(b"\x1a\x04\x0a\x09ab"), None);
    }
}
