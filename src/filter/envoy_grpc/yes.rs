//! A yes, written as the message it is: what a warm decision tells lies in three values, and building the message first to write it then
//! cost as much as reading the question.

use bytes::BufMut;
use http::HeaderValue;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

use super::{OVERWRITE, RETRY};
use crate::filter::Allowed;
use crate::rocketchat::Credentials;

/// Fields that are set or taken off.
const TOLD: usize = 4;

/// Writes the message: what is set replaces what the client sent, and what is empty is taken off.
pub fn yes(allowed: &Allowed, out: &mut impl BufMut) {
    let credentials = allowed.admission.as_ref();
    let credentials = credentials.map(|acting| &*acting.admitted.credentials);
    let told: [(&str, Option<&HeaderValue>); TOLD] = [
        ("x-user-id", credentials.map(Credentials::user_id_value)),
        (
            "x-auth-token",
            credentials.map(Credentials::auth_token_value),
        ),
        ("cookie", allowed.cookie.as_ref()),
        ("authorization", None),
    ];
    let set = || {
        let mut told = told.iter();
        std::iter::from_fn(move || told.find_map(|(name, value)| Some((*name, (*value)?))))
    };
    // Envoy sets first and takes off then: no field may be in both.
    let removed = || {
        let strays = allowed.strays.iter().map(http::HeaderName::as_str);
        let empty = told.iter().filter(|(_, value)| value.is_none());
        strays.chain(empty.map(|(name, _)| *name))
    };
    // `status`, whose code 0 is the one that is not written.
    put(out, 1, b"");
    let all_set: usize = set()
        .map(|(name, value)| size(option_size(name, value)))
        .sum();
    let all_removed: usize = removed().map(|name| size(name.len())).sum();
    begin(out, 3, all_set + all_removed);
    for (name, value) in set() {
        begin(out, 2, option_size(name, value));
        begin(out, 1, field_size(name, value));
        put(out, 1, name.as_bytes());
        put(out, value_tag(value), value.as_bytes());
        encode_key(3, WireType::Varint, out);
        encode_varint(u64::from(OVERWRITE.unsigned_abs()), out);
    }
    for name in removed() {
        put(out, 5, name.as_bytes());
    }
    if let Some(credentials) = credentials {
        tell_mark(credentials.mark().as_bytes(), out);
    }
}

/// Writes the dynamic metadata, a `google.protobuf.Struct` with one text.
fn tell_mark(mark: &[u8], out: &mut impl BufMut) {
    let entry = size(RETRY.len()) + size(size(mark.len()));
    begin(out, 4, size(entry));
    begin(out, 1, entry);
    put(out, 1, RETRY.as_bytes());
    begin(out, 2, size(mark.len()));
    put(out, 3, mark);
}

/// Of `HeaderValueOption`.
fn option_size(name: &str, value: &HeaderValue) -> usize {
    // Key and value of `append_action` are a byte each.
    size(field_size(name, value)) + 2
}

/// Of `HeaderValue`.
fn field_size(name: &str, value: &HeaderValue) -> usize {
    size(name.len()) + size(value.len())
}

/// A value that is no text goes as its bytes.
fn value_tag(value: &HeaderValue) -> u32 {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(_) => 2,
        Err(_) => 3,
    }
}

/// What a member of so many bytes takes with its key, which is one byte for every number here.
fn size(length: usize) -> usize {
    1 + encoded_len_varint(length as u64) + length
}

fn begin(out: &mut impl BufMut, tag: u32, length: usize) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(length as u64, out);
}

fn put(out: &mut impl BufMut, tag: u32, bytes: &[u8]) {
    begin(out, tag, bytes.len());
    out.put_slice(bytes);
}

#[cfg(test)]
mod tests {
    use envoy_types::pb::envoy::service::auth::v3::CheckResponse;
    use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
    use envoy_types::pb::google::protobuf::value::Kind;
    use http::HeaderName;
    use prost::Message as _;

    use super::*;

    fn read(allowed: &Allowed) -> CheckResponse {
        let mut out = Vec::new();
        yes(allowed, &mut out);
        CheckResponse::decode(out.as_slice()).unwrap()
    }

    fn ok(response: CheckResponse) -> (Vec<(String, Vec<u8>)>, Vec<String>) {
        let Some(HttpResponse::OkResponse(ok)) = response.http_response else {
            panic!("no yes");
        };
        let set = ok.headers.into_iter().map(|option| {
            assert_eq!(option.append_action, OVERWRITE);
            let field = option.header.unwrap();
            assert!(field.value.is_empty() || field.raw_value.is_empty());
            let value = [field.value.into_bytes(), field.raw_value].concat();
            (field.key, value)
        });
        (set.collect(), ok.headers_to_remove)
    }

    #[test]
    fn nobodys_request_loses_every_claim() {
        let response = read(&Allowed {
            admission: None,
            cookie: None,
            strays: vec![HeaderName::from_static("x_user_id")],
        });
        assert_eq!(response.status.as_ref().unwrap().code, 0);
        assert!(response.dynamic_metadata.is_none());
        let removed = [
            "x_user_id",
            "x-user-id",
            "x-auth-token",
            "cookie",
            "authorization",
        ];
        assert_eq!(ok(response), (vec![], removed.map(str::to_owned).to_vec()));
    }

    #[test]
    fn a_long_cookie_and_one_that_is_no_text_go_whole() {
        for cookie in [b"a=".repeat(3000), b"a=\xff".to_vec()] {
            let response = read(&Allowed {
                admission: None,
                cookie: Some(HeaderValue::from_bytes(&cookie).unwrap()),
                strays: Vec::new(),
            });
            let (set, removed) = ok(response);
            assert_eq!(set, [("cookie".to_owned(), cookie)]);
            assert_eq!(removed, ["x-user-id", "x-auth-token", "authorization"]);
        }
    }

    #[test]
    fn the_mark_is_a_text_in_a_struct() {
        let mut out = Vec::new();
        let mark = "m".repeat(43);
        tell_mark(mark.as_bytes(), &mut out);
        let response = CheckResponse::decode(out.as_slice()).unwrap();
        let fields = response.dynamic_metadata.unwrap().fields;
        assert_eq!(fields[RETRY].kind, Some(Kind::StringValue(mark)));
    }
}
