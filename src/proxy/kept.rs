//! What a replay needs of a request's head: its fields as they were when all that is the client's claim had gone.
//!
//! Almost no request is replayed, so they are kept as cheaply as can be: their bytes in one piece, without a share in what they came in.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The fields of a head, in their order.
#[derive(Clone)]
pub struct Kept(Vec<u8>);

/// Bytes of a length.
const LENGTH: usize = size_of::<u32>();

impl Kept {
    /// A copy of them.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let fields = || {
            headers
                .iter()
                .map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
        };
        let size = fields().map(|(name, value)| name.len() + value.len() + 2 * LENGTH);
        let mut bytes = Vec::with_capacity(size.sum());
        for (name, value) in fields() {
            for text in [name, value] {
                // A head is far shorter than that.
                let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
                bytes.extend_from_slice(&length.to_le_bytes());
                bytes.extend_from_slice(text);
            }
        }
        Self(bytes)
    }

    /// The fields again.
    #[must_use]
    pub fn into_headers(self) -> HeaderMap {
        let mut bytes = Bytes::from(self.0);
        let mut headers = HeaderMap::new();
        while let (Some(name), Some(value)) = (cut(&mut bytes), cut(&mut bytes)) {
            let (name, value) = (
                HeaderName::from_bytes(&name),
                HeaderValue::from_maybe_shared(value),
            );
            // What was a field is one again.
            if let (Ok(name), Ok(value)) = (name, value) {
                headers.append(name, value);
            }
        }
        headers
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Kept([redacted])")
    }
}

/// Takes off the text that comes first.
fn cut(bytes: &mut Bytes) -> Option<Bytes> {
    let length = u32::from_le_bytes(*bytes.first_chunk()?);
    let end = LENGTH.checked_add(usize::try_from(length).ok()?)?;
    (end <= bytes.len()).then(|| bytes.split_to(end).split_off(LENGTH))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn all_fields_come_back_in_their_order(
            fields in prop::collection::vec(
                ("[a-z_-]{1,12}", prop::collection::vec(0x80_u8..=0xff, 0..9), "[ -~]{0,20}"),
                0..9,
            ),
        ) {
            let mut headers = HeaderMap::new();
            for (name, odd, plain) in fields {
                let value = [odd.as_slice(), plain.as_bytes()].concat();
                headers.append(
                    HeaderName::from_bytes(name.as_bytes()).unwrap(),
                    HeaderValue::from_bytes(&value).unwrap(),
                );
            }
            let again = Kept::of(&headers).into_headers();
            prop_assert!(headers.iter().eq(again.iter()));
        }
    }
}
