//! Where sessions are kept, and under which keys what is kept is sealed.

use std::path::PathBuf;

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::redis::Redis;
use super::{SessionsFile, StoreWord};
use crate::config::key::Key;
use crate::config::validation::{Checked, Validation};
use crate::secret::{SealingKey, Secret};

/// `sessions.store` with what belongs to it.
#[derive(Clone, Debug)]
pub enum StoreConfig {
    /// In this process, and gone with it.
    Memory,
    /// In a file, for one process.
    File {
        /// The file; its directory must be there.
        path: PathBuf,
    },
    /// In Redis or Valkey, for several processes.
    Redis(Box<Redis>),
}

/// The keys of the file store as the file has them.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct FileFile {
    /// The file that `store: file` keeps sessions in; its directory must be there and belong to Gantry alone.
    path: PathBuf,
}

impl Default for FileFile {
    fn default() -> Self {
        Self {
            path: PathBuf::from("/var/lib/gantry/sessions.redb"),
        }
    }
}

impl SessionsFile {
    /// The store, and the keys that seal what it keeps: none for memory, else at least one.
    pub(super) fn store(
        &self,
        validation: &mut Validation<'_>,
        key: &Key,
    ) -> Checked<(StoreConfig, Vec<SealingKey>)> {
        let given = (&self.encryption_key, &self.encryption_key_file);
        let name = match given {
            (_, Some(_)) => "encryption_key_file",
            _ => "encryption_key",
        };
        let at = key.field(name);
        let keys = match validation.secret(key, "encryption_key", given) {
            Ok(Some(text)) => keys(validation, &at, &text).map(Some),
            Ok(None) => Ok(None),
            Err(mistaken) => Err(mistaken),
        };
        let at_file = key.field("file").field("path");
        if self.store != StoreWord::File && self.file.path != FileFile::default().path {
            let text = "has no effect unless `sessions.store` is `file`";
            validation.warn(&at_file, text);
        }
        if self.store != StoreWord::Redis && self.redis.is_set() {
            let text = "has no effect unless `sessions.store` is `redis`";
            validation.warn(&key.field("redis"), text);
        }
        let store = match self.store {
            StoreWord::Memory => {
                if matches!(keys, Ok(Some(_))) {
                    let text = "has no effect unless `sessions.store` is `file` or `redis`";
                    validation.warn(&at, text);
                }
                return keys.map(|_| (StoreConfig::Memory, Vec::new()));
            }
            StoreWord::File if self.file.path.as_os_str().is_empty() => {
                let problem = "should be the path of a file, such as /var/lib/gantry/sessions.redb";
                Err(validation.mistake(&at_file, problem))
            }
            StoreWord::File => Ok(StoreConfig::File {
                path: validation.file(&self.file.path),
            }),
            StoreWord::Redis => self
                .redis
                .validate(validation, &key.field("redis"))
                .map(|redis| StoreConfig::Redis(Box::new(redis))),
        };
        let Some(keys) = keys? else {
            let advice = "auth tokens are kept sealed; give a file with 32 random bytes, such as `openssl rand -base64 32` makes";
            return Err(validation.missing(&key.field("encryption_key_file"), advice));
        };
        Ok((store?, keys))
    }
}

/// Reads keys, one a line; blank lines and what stands behind a `#` are left out. No message repeats anything of a key.
fn keys(validation: &mut Validation<'_>, at: &Key, text: &Secret) -> Checked<Vec<SealingKey>> {
    let mut keys: Vec<(usize, SealingKey)> = Vec::new();
    let mut problem = None;
    for (index, line) in text.reveal().lines().enumerate() {
        let number = index + 1;
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let Some(key) = read(line) else {
            let wanted = "should be a key of 32 bytes in base64 or hex";
            problem = Some(format!("line {number} {wanted}"));
            break;
        };
        let twin = keys
            .iter()
            .find(|(_, other)| other.reveal() == key.reveal());
        if let Some((other, _)) = twin {
            problem = Some(format!("line {number} has the key of line {other} again"));
            break;
        }
        keys.push((number, key));
    }
    if problem.is_none() && keys.is_empty() {
        problem = Some("holds no key; give one a line, the one that seals first".to_owned());
    }
    match problem {
        Some(problem) => Err(validation.mistake(at, problem)),
        None => Ok(keys.into_iter().map(|(_, key)| key).collect()),
    }
}

/// A key in any spelling that common tools give.
fn read(text: &str) -> Option<SealingKey> {
    let spellings = [
        HEXLOWER_PERMISSIVE,
        BASE64,
        BASE64_NOPAD,
        BASE64URL,
        BASE64URL_NOPAD,
    ];
    spellings.iter().find_map(|spelling| {
        let bytes = Zeroizing::new(spelling.decode(text.as_bytes()).ok()?);
        bytes.as_slice().try_into().ok().map(SealingKey::new)
    })
}
