//! What our keys are called in Redis.

use crate::session::store::{Index, Key};

/// The part that all our keys begin with: it holds the one hash tag, so that in a cluster all are in one slot.
#[derive(Clone, Debug)]
pub(super) struct Names(String);

impl Names {
    /// The prefix itself becomes the tag, so that two Gantries with two prefixes may be on two nodes. A cluster takes an empty tag for
    /// none, and ends a tag at the first closing brace: a prefix with which that could happen stands behind a tag of ours instead.
    pub(super) fn new(prefix: &str) -> Self {
        if prefix.is_empty() || prefix.contains(['{', '}']) {
            return Self(format!("{{gantry}}{prefix}"));
        }
        Self(format!("{{{prefix}}}"))
    }

    /// What all names begin with, for the ACL user's key pattern.
    pub(super) fn beginning(&self) -> &str {
        &self.0
    }

    pub(super) fn key(&self, key: &Key) -> Vec<u8> {
        [self.0.as_bytes(), b"k:", &key.0].concat()
    }

    pub(super) fn index(&self, index: &Index) -> Vec<u8> {
        [self.0.as_bytes(), b"i:", &index.0].concat()
    }

    /// The stream that words are told through.
    pub(super) fn words(&self) -> String {
        format!("{}words", self.0)
    }

    /// What is written only to see whether writing works; each `part` by itself.
    pub(super) fn rehearsal(&self, part: &str) -> String {
        format!("{}rehearsal:{part}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_prefix_has_the_same_hash_tag() {
        let table = [
            ("gantry:", "gantry:"),
            ("", "gantry"),
            ("}", "gantry"),
            ("a{b}c:", "gantry"),
        ];
        for (prefix, right) in table {
            let names = Names::new(prefix);
            let all = [
                names.key(&Key(b"}{x".to_vec())),
                names.index(&Index(b"y".to_vec())),
                names.words().into_bytes(),
                names.rehearsal("z").into_bytes(),
            ];
            for name in all.map(|name| String::from_utf8(name).unwrap()) {
                let tag = name
                    .split_once('{')
                    .and_then(|(_, rest)| rest.split_once('}'));
                assert_eq!(tag.map(|(tag, _)| tag), Some(right), "{name}");
                assert!(name.starts_with(names.beginning()));
            }
        }
    }
}
