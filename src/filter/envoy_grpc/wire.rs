//! Of Envoy's messages (`envoy/service/auth/v3/external_auth.proto`) the fields that are read or written here, under their numbers there.
//!
//! The prepared code of the whole interface copies every text of a message, most of which nobody reads, and sorts the fields into a map to
//! have them put into another; it made a warm decision a third dearer than these, which lie where the message came in. The tests speak
//! with that prepared code.

use bytes::Bytes;
use prost::encoding::{WireType, decode_key, decode_varint};

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
    #[prost(message, optional, tag = "2")]
    pub(super) http: Option<HttpRequest>,
}

/// The request that is asked about. Texts are bytes here: what is read is looked at where it is read.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HttpRequest {
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) method: Bytes,
    /// A map, which on the wire is a list of its entries; each is left as it came, see [`entry`].
    #[prost(bytes = "bytes", repeated, tag = "3")]
    pub(super) headers: Vec<Bytes>,
    #[prost(bytes = "bytes", tag = "4")]
    pub(super) path: Bytes,
    #[prost(bytes = "bytes", tag = "5")]
    pub(super) host: Bytes,
    #[prost(bytes = "bytes", tag = "7")]
    pub(super) query: Bytes,
    #[prost(bytes = "bytes", tag = "8")]
    pub(super) fragment: Bytes,
    #[prost(bytes = "bytes", tag = "10")]
    pub(super) protocol: Bytes,
    #[prost(message, optional, tag = "13")]
    pub(super) header_map: Option<RawFields>,
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

/// The answer; it has one of the two parts.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CheckResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) status: Option<Status>,
    #[prost(message, optional, tag = "2")]
    pub(super) denied: Option<DeniedHttpResponse>,
    #[prost(message, optional, tag = "3")]
    pub(super) ok: Option<OkHttpResponse>,
    #[prost(message, optional, tag = "4")]
    pub(super) dynamic_metadata: Option<Metadata>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct Status {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct OkHttpResponse {
    #[prost(message, repeated, tag = "2")]
    pub(super) headers: Vec<FieldOption>,
    #[prost(bytes = "bytes", repeated, tag = "5")]
    pub(super) headers_to_remove: Vec<Bytes>,
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

/// `google.protobuf.Struct`, with texts only.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Metadata {
    #[prost(message, repeated, tag = "1")]
    pub(super) fields: Vec<MetadataField>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct MetadataField {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) key: Bytes,
    #[prost(message, optional, tag = "2")]
    pub(super) value: Option<MetadataValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct MetadataValue {
    #[prost(bytes = "bytes", tag = "3")]
    pub(super) text: Bytes,
}

/// Key and value of a map's entry; `None` when it is none. What comes twice counts as it came last, as the format has it.
pub(super) fn entry(mut bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut key, mut value): (&[u8], &[u8]) = (b"", b"");
    while !bytes.is_empty() {
        let (tag, WireType::LengthDelimited) = decode_key(&mut bytes).ok()? else {
            return None;
        };
        let length = usize::try_from(decode_varint(&mut bytes).ok()?).ok()?;
        let (text, rest) = bytes.split_at_checked(length)?;
        match tag {
            1 => key = text,
            2 => value = text,
            _ => return None,
        }
        bytes = rest;
    }
    Some((key, value))
}
