//! The URL of a Redis server, which may hold a password: shown without it, repeated in no message.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

use super::Node;
use crate::secret::Secret;

/// The port of a server whose URL names none.
const PORT: u16 = 6379;

/// Stands for the password until the URL is text again, because URLs do not hold brackets there.
const HIDDEN: &str = "-redacted-";

/// As written.
#[derive(Clone)]
pub(super) struct UrlText(Secret);

/// What a URL says.
pub(super) struct Said {
    pub(super) node: Node,
    pub(super) database: u32,
    pub(super) tls: bool,
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
}

impl UrlText {
    /// Reads the URL.
    pub(super) fn said(&self) -> Option<Said> {
        let url = Url::parse(self.0.reveal()).ok()?;
        let tls = match url.scheme() {
            "redis" => false,
            "rediss" => true,
            _ => return None,
        };
        let database = match url.path().trim_start_matches('/') {
            "" => 0,
            number => number.parse().ok()?,
        };
        if url.query().is_some() || url.fragment().is_some() {
            return None;
        }
        let host = url.host_str().filter(|host| !host.is_empty())?;
        let text = |encoded: &str| {
            percent_decode_str(encoded)
                .decode_utf8()
                .ok()
                .map(Cow::into_owned)
        };
        let username = match url.username() {
            "" => None,
            name => Some(text(name)?),
        };
        let password = match url.password() {
            None => None,
            Some(password) => Some(Secret::new(text(password)?)),
        };
        Some(Said {
            node: Node {
                host: host.trim_matches(['[', ']']).to_owned(),
                port: url.port().unwrap_or(PORT),
            },
            database,
            tls,
            username,
            password,
        })
    }
}

impl Serialize for UrlText {
    /// Without the password; and nothing at all of what is no URL, because nobody knows where its password stands.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shown = match Url::parse(self.0.reveal()) {
            Ok(url) if url.password().is_none() => self.0.reveal().to_owned(),
            Ok(mut url) => match url.set_password(Some(HIDDEN)) {
                Ok(()) => url.as_str().replace(HIDDEN, "[redacted]"),
                Err(()) => "[redacted]".to_owned(),
            },
            Err(_) => "[redacted]".to_owned(),
        };
        serializer.serialize_str(&shown)
    }
}

impl<'de> Deserialize<'de> for UrlText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

impl JsonSchema for UrlText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "RedisUrl".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^rediss?://" })
    }
}
