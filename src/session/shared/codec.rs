//! What sessions keep in a store, as bytes and back: JSON with the number of its format, sealed where it holds a secret.
//!
//! A reader ignores fields that it does not know, so that replicas of two releases can share a store while one is rolled out; a change
//! that older readers must not survive gets a new number, and a reader refuses numbers above its own. What cannot be read is never
//! written over: somebody may hold the key to it.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::rocketchat::Credentials;
use crate::secret::AuthToken;
use crate::session::EndCause;
use crate::session::facts::Facts;
use crate::session::handle::StandInHash;
use crate::session::moment::Moment;
use crate::session::outbox::Whom;
use crate::session::store::seal::Seal;
use crate::session::store::{Key, StoreError, Value};

/// The number of the format that is written.
const FORMAT: u8 = 1;

/// One session as it is kept.
#[derive(Clone, Debug)]
pub(in crate::session) struct Kept {
    pub(in crate::session) facts: Facts,
    pub(in crate::session) credentials: Arc<Credentials>,
    pub(in crate::session) stand_in: StandInHash,
}

/// One owed logout as it is kept.
#[derive(Clone, Debug)]
pub(in crate::session) struct Debt {
    pub(in crate::session) user_id: String,
    /// `None`: Rocket.Chat was asked for a token of this user, and what came of it is not known.
    pub(in crate::session) credentials: Option<Arc<Credentials>>,
    pub(in crate::session) cause: String,
    /// What is owed is not a logout but the end of these sessions, whose JWTs are refused already.
    pub(in crate::session) ends: Option<Ends>,
}

/// The end of sessions that is owed: of those that had begun by then, for whoever logged in after it is somebody else's business.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::session) struct Ends {
    pub(in crate::session) whom: Whom,
    pub(in crate::session) begun_by: Moment,
}

#[derive(Serialize, Deserialize)]
struct Numbered<T> {
    v: u8,
    #[serde(flatten)]
    content: T,
}

#[derive(Serialize, Deserialize)]
struct KeptText {
    #[serde(flatten)]
    facts: Facts,
    #[serde(flatten)]
    credentials: CredentialsText,
    stand_in: String,
}

#[derive(Serialize, Deserialize)]
struct CredentialsText {
    user_id: String,
    auth_token: Zeroizing<String>,
    minted_at: Moment,
    expires_at: Moment,
}

#[derive(Serialize, Deserialize)]
struct DebtText {
    of: String,
    credentials: Option<CredentialsText>,
    cause: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ends: Option<Ends>,
}

/// Why something that is kept cannot be read.
#[derive(Debug, thiserror::Error)]
pub(in crate::session) enum Unreadable {
    /// Its seal does not open.
    #[error("a kept value cannot be opened with the keys of sessions.encryption_key_file")]
    Sealed(#[source] crate::session::store::seal::SealError),
    /// A newer release wrote it.
    #[error("a kept value has format {0}, of a newer release")]
    Newer(u8),
    /// It is not what it should be.
    #[error("a kept value is malformed")]
    Malformed,
    /// It changed between each reading and writing.
    #[error("a kept value changed again and again")]
    Busy,
}

impl Unreadable {
    /// Fixed slug for logs.
    pub(in crate::session) fn kind(&self) -> &'static str {
        match self {
            Self::Sealed(error) => error.kind(),
            Self::Newer(_) => "newer-format",
            Self::Malformed => "malformed",
            Self::Busy => "busy",
        }
    }
}

impl From<Unreadable> for StoreError {
    fn from(error: Unreadable) -> Self {
        Self::Broken(Arc::new(error))
    }
}

impl Kept {
    pub(super) fn seal(&self, seal: &Seal, key: &Key) -> Value {
        let text = KeptText {
            facts: self.facts.clone(),
            credentials: CredentialsText::of(&self.credentials),
            stand_in: BASE64URL_NOPAD.encode(self.stand_in.as_bytes()),
        };
        sealed(seal, key, text)
    }

    pub(super) fn open(seal: &Seal, key: &Key, value: &Value) -> Result<Self, Unreadable> {
        let text: KeptText = opened(seal, key, value)?;
        let stand_in = BASE64URL_NOPAD.decode(text.stand_in.as_bytes());
        let stand_in = stand_in.ok().and_then(|hash| hash.try_into().ok());
        Ok(Self {
            facts: text.facts,
            credentials: text.credentials.read()?,
            stand_in: StandInHash::from_kept(stand_in.ok_or(Unreadable::Malformed)?),
        })
    }
}

impl Debt {
    /// The end of these sessions.
    pub(super) fn ending(whom: &Whom, cause: EndCause, now: Moment) -> Self {
        Self {
            user_id: String::new(),
            credentials: None,
            cause: cause.name().to_owned(),
            ends: Some(Ends {
                whom: whom.clone(),
                begun_by: now,
            }),
        }
    }

    pub(super) fn of(credentials: &Arc<Credentials>, cause: EndCause) -> Self {
        Self {
            user_id: credentials.user_id().to_owned(),
            credentials: Some(Arc::clone(credentials)),
            cause: cause.name().to_owned(),
            ends: None,
        }
    }

    pub(super) fn seal(&self, seal: &Seal, key: &Key) -> Value {
        let text = DebtText {
            of: self.user_id.clone(),
            credentials: self
                .credentials
                .as_ref()
                .map(|credentials| CredentialsText::of(credentials)),
            cause: self.cause.clone(),
            ends: self.ends.clone(),
        };
        sealed(seal, key, text)
    }

    pub(super) fn open(seal: &Seal, key: &Key, value: &Value) -> Result<Self, Unreadable> {
        let text: DebtText = opened(seal, key, value)?;
        Ok(Self {
            user_id: text.of,
            credentials: text.credentials.map(CredentialsText::read).transpose()?,
            cause: text.cause,
            ends: text.ends,
        })
    }
}

impl CredentialsText {
    fn of(credentials: &Credentials) -> Self {
        Self {
            user_id: credentials.user_id().to_owned(),
            auth_token: Zeroizing::new(credentials.auth_token().reveal().to_owned()),
            minted_at: Moment::of(credentials.minted_at()),
            expires_at: Moment::of(credentials.expires_at()),
        }
    }

    fn read(self) -> Result<Arc<Credentials>, Unreadable> {
        let auth_token = AuthToken::new(self.auth_token.as_str().to_owned());
        let (minted_at, expires_at) = (self.minted_at.time(), self.expires_at.time());
        Credentials::kept(&self.user_id, &auth_token, minted_at, expires_at)
            .map(Arc::new)
            .ok_or(Unreadable::Malformed)
    }
}

/// Any content under the seal.
pub(super) fn sealed<T: Serialize>(seal: &Seal, key: &Key, content: T) -> Value {
    let plain = Zeroizing::new(plain(content).0);
    seal.seal(&key.0, &plain)
}

pub(super) fn opened<T: DeserializeOwned>(
    seal: &Seal,
    key: &Key,
    value: &Value,
) -> Result<T, Unreadable> {
    let plain = seal.open(&key.0, &value.0).map_err(Unreadable::Sealed)?;
    read(&plain)
}

/// Content without secrets.
pub(super) fn plain<T: Serialize>(content: T) -> Value {
    let numbered = Numbered { v: FORMAT, content };
    Value(
        serde_json::to_vec(&numbered).expect("these shapes have only text keys and finite numbers"),
    )
}

pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unreadable> {
    #[derive(Deserialize)]
    struct Number {
        v: u8,
    }
    let Number { v } = serde_json::from_slice(bytes).map_err(|_| Unreadable::Malformed)?;
    if v > FORMAT {
        return Err(Unreadable::Newer(v));
    }
    let numbered: Numbered<T> = serde_json::from_slice(bytes).map_err(|_| Unreadable::Malformed)?;
    Ok(numbered.content)
}

/// The id of a session, as a value.
pub(super) fn id(id: &str) -> Value {
    Value(id.as_bytes().to_vec())
}
