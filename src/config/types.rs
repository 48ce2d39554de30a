//! Value types of the config file: durations, byte sizes, origins, secrets given inline or by file.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::secret::Secret;

/// A web origin with scheme, host and port as browsers write it in `Origin`, in lower case, default port left out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: &'static str,
    authority: String,
}

impl Origin {
    /// Reads an origin from an `http` or `https` URL; a path other than `/`, a query, a fragment or user data is refused.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let url = url::Url::parse(text).ok()?;
        let scheme = match url.scheme() {
            "http" => "http",
            "https" => "https",
            _ => return None,
        };
        let plain = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !plain {
            return None;
        }
        let host = url.host_str()?;
        let authority = url
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Some(Self { scheme, authority })
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Host, with the port unless it is the scheme's own.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.scheme, self.authority)
    }
}

/// A text of the file with a form of its own, read when the section is checked.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $kind:tt, $pattern:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub(super) struct $name(String);

        impl $name {
            /// As written.
            pub(super) fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": $kind, "pattern": $pattern })
            }
        }
    };
}

text! {
    /// A duration, such as `30s`, `12h` or `1h 30m`.
    DurationText, "string", r"^\d+ ?[a-z]+( ?\d+ ?[a-z]+)*$"
}

text! {
    /// A number of bytes, such as `64KiB`.
    SizeText, "string", r"^\d+ ?(B|kB|MB|GB|KiB|MiB|GiB)$"
}

text! {
    /// `false`, or a duration.
    DelayText, ["string", "boolean"], r"^(false|\d+ ?[a-z]+( ?\d+ ?[a-z]+)*)$"
}

/// Units of sizes, the largest binary ones first for writing.
const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl SizeText {
    /// Reads a size with its unit.
    pub(super) fn bytes(text: &str) -> Option<u64> {
        let end = text.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = text.split_at(end);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit.trim_start())?;
        number.parse::<u64>().ok()?.checked_mul(*factor)
    }

    /// Writes a size in the largest unit that needs no fraction.
    pub(super) fn of(bytes: u64) -> Self {
        let fits = |(_, factor): &&(&str, u64)| bytes >= *factor && bytes.is_multiple_of(*factor);
        let (name, factor) = UNITS.iter().find(fits).unwrap_or(&("B", 1));
        Self(format!("{}{name}", bytes / factor))
    }
}

/// A secret given inline. It writes itself as `[redacted]`, which is how the effective configuration shows it.
#[derive(Clone, Debug)]
pub(super) struct Hidden(Secret);

impl Hidden {
    /// The secret.
    pub(super) fn secret(&self) -> &Secret {
        &self.0
    }
}

impl Serialize for Hidden {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("[redacted]")
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

impl JsonSchema for Hidden {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "writeOnly": true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_need_a_unit_and_stay_in_range() {
        assert_eq!(SizeText::bytes("64KiB"), Some(65536));
        assert_eq!(SizeText::bytes("1 MB"), Some(1_000_000));
        assert_eq!(SizeText::bytes("7B"), Some(7));
        for bad in [
            "",
            "64",
            "KiB",
            "64kib",
            "-1B",
            "1.5MiB",
            "99999999999999999999B",
            "18446744073709551615GiB",
        ] {
            assert_eq!(SizeText::bytes(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes_are_written_as_people_write_them() {
        for text in ["8KiB", "100MiB", "1GiB", "7B", "0B"] {
            let bytes = SizeText::bytes(text).expect("a size");
            assert_eq!(SizeText::of(bytes).as_str(), text);
        }
    }
}
