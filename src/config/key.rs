//! The path of a key in the configuration, as mistakes and the reference write it: `issuers[0].claims.username`.

use std::fmt;

/// A key path; the empty one is the whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(String);

impl Key {
    /// The key `name` below this one.
    pub(super) fn field(&self, name: &str) -> Self {
        if self.0.is_empty() {
            Self(name.to_owned())
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
    fn parents_lead_back_to_the_whole() {
        let key = Key::default().field("issuers").entry(0).field("claims");
        assert_eq!(key.to_string(), "issuers[0].claims");
        let parents: Vec<String> = std::iter::successors(key.parent(), Key::parent)
            .map(|key| key.to_string())
            .collect();
        assert_eq!(parents, ["issuers[0]", "issuers", ""]);
    }
}
