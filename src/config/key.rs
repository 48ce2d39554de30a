//! The path of a key in the configuration, as mistakes and the reference write it: `issuers[0].claims.username`.

use std::borrow::Cow;
use std::fmt;

/// Longest name shown, in bytes: twice that of our longest.
const LONGEST_NAME: usize = 64;

/// A key path; the empty one is the whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(String);

impl Key {
    /// The key `name` below this one. A name that would spoil a terminal or a log line is escaped and cut.
    pub(super) fn field(&self, name: &str) -> Self {
        let plain = name.len() <= LONGEST_NAME && !name.chars().any(char::is_control);
        let name = if plain {
            Cow::Borrowed(name)
        } else {
            Cow::Owned(name.escape_debug().take(LONGEST_NAME).collect())
        };
        if self.0.is_empty() {
            Self(name.into_owned())
        } else {
            Self(format!("{}.{name}", self.0))
        }
    }

    /// The entry `index` of this list, counted from 0.
    pub(super) fn entry(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// The key that holds this one, unless this is the whole configuration.
    pub(super) fn parent(&self) -> Option<Self> {
        if self.0.is_empty() {
            return None;
        }
        let end = self.0.rfind(['.', '[']).unwrap_or(0);
        Some(Self(self.0.get(..end).unwrap_or_default().to_owned()))
    }

    /// The path as text.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_the_file_cannot_spoil_a_terminal() {
        let key = Key::default().field("\u{1b}[2J\n").field(&"x".repeat(1000));
        assert_eq!(
            key.to_string(),
            format!("\\u{{1b}}[2J\\n.{}", "x".repeat(LONGEST_NAME))
        );
    }

    #[test]
    fn parents_lead_back_to_the_whole() {
        let key = Key::default().field("issuers").entry(0).field("claims");
        assert_eq!(key.to_string(), "issuers[0].claims");
        let parents: Vec<String> = std::iter::successors(key.parent(), Key::parent)
            .map(|key| key.to_string())
            .collect();
        assert_eq!(parents, ["issuers[0]", "issuers", ""]);
    }
}
