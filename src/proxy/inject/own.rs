//! The values of one request's own fields, in one piece of memory of their own.
//!
//! A share in the credentials' memory would cost more than this copy: all cores count the shares in one place, and take it away from
//! each other with every request.

use std::net::IpAddr;
use std::ops::Range;

use bytes::Bytes;
use http::HeaderValue;

use crate::rocketchat::Credentials;

/// As much as the values mostly have together: an address of IPv4, and a user id and an auth token of Rocket.Chat.
const USUAL: usize = 15 + 17 + 43;

/// The values.
pub(super) struct Own {
    /// The client's address.
    pub(super) client: HeaderValue,
    /// Its user id and its auth token, marked sensitive.
    pub(super) credentials: Option<(HeaderValue, HeaderValue)>,
}

impl Own {
    pub(super) fn of(client: IpAddr, credentials: Option<&Credentials>) -> Self {
        let mut texts = Vec::with_capacity(USUAL);
        write_address(&mut texts, client);
        let client = 0..texts.len();
        let credentials = credentials.map(|credentials| {
            let mut add = |value: &HeaderValue| {
                let begins = texts.len();
                texts.extend_from_slice(value.as_bytes());
                begins..texts.len()
            };
            let user_id = add(credentials.user_id_value());
            (user_id, add(credentials.auth_token_value()))
        });
        let texts = Bytes::from(texts);
        // Copies of values, and an address, which is plain ASCII: each can be a value.
        let value = |range: Range<usize>| {
            HeaderValue::from_maybe_shared(texts.slice(range))
                .unwrap_or_else(|_| HeaderValue::from_static(""))
        };
        Self {
            client: value(client),
            credentials: credentials.map(|(user_id, auth_token)| {
                let mut auth_token = value(auth_token);
                auth_token.set_sensitive(true);
                (value(user_id), auth_token)
            }),
        }
    }
}

/// Past the formatter for the usual kind.
fn write_address(text: &mut Vec<u8>, client: IpAddr) {
    match client {
        IpAddr::V4(client) => {
            for octet in client.octets() {
                if !text.is_empty() {
                    text.push(b'.');
                }
                text.extend_from_slice(itoa::Buffer::new().format(octet).as_bytes());
            }
        }
        IpAddr::V6(client) => text.extend_from_slice(client.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_what_it_was() {
        let credentials = Credentials::unminted("u1", "t0ken");
        for client in ["127.0.0.1", "255.255.255.255", "2001:db8::1"] {
            let own = Own::of(client.parse().unwrap(), Some(&credentials));
            assert_eq!(own.client, client);
            let (user_id, auth_token) = own.credentials.unwrap();
            assert_eq!(user_id, "u1");
            assert_eq!(auth_token, "t0ken");
            assert!(auth_token.is_sensitive());
        }
        let own = Own::of([10, 0, 0, 1].into(), None);
        assert_eq!(own.client, "10.0.0.1");
        assert!(own.credentials.is_none());
    }
}
