//! What sessions keep in a store, as bytes and back: the number of its format in the first byte, then postcard, sealed where it holds
//! a secret. What a record's key says is not said in the record again.
//!
//! Fields have no names, so their order and that of an enum's variants is the format. A reader ignores what follows the fields that it
//! knows, so that replicas of two releases can share a store while one is rolled out: a field that older readers may miss comes last.
//! Every other change gets a new number, and a reader refuses numbers that it does not know. What cannot be read is never written over:
//! somebody may hold the key to it.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::jwt::{ClaimKey, HostSession, PrincipalKey};
use crate::rocketchat::Credentials;
use crate::secret::AuthToken;
use crate::session::EndCause;
use crate::session::facts::Facts;
use crate::session::handle::StandInHash;
use crate::session::moment::Moment;
use crate::session::outbox::Whom;
use crate::session::shared::keys;
use crate::session::store::seal::Seal;
use crate::session::store::{Key, StoreError, Value};

/// The number of the format that is written.
const FORMAT: u8 = 2;

/// What records began with when they were JSON.
const JSON: u8 = b'{';

/// Longer than nearly all records, so that no secret is left behind where a buffer was that grew.
const ROOM: usize = 1024;

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
struct KeptRecord {
    username: Box<str>,
    host_session: HostSession,
    principal: PrincipalKey,
    claim: Option<ClaimKey>,
    issuer: Arc<str>,
    began: Moment,
    hard_end: Moment,
    stand_in: [u8; 32],
    user_id: String,
    token: TokenRecord,
}

#[derive(Serialize, Deserialize)]
struct TokenRecord {
    auth_token: Zeroizing<String>,
    minted_at: Moment,
    expires_at: Moment,
}

#[derive(Serialize, Deserialize)]
struct DebtRecord {
    user_id: String,
    token: Option<TokenRecord>,
    cause: String,
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
    /// An older release wrote it.
    #[error(
        "a kept value has the form of an older release; let that release end all sessions, or begin with an empty store"
    )]
    Former,
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
            Self::Former => "former-format",
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
        let facts = self.facts.clone();
        let record = KeptRecord {
            username: facts.username,
            host_session: facts.host_session,
            principal: facts.principal,
            claim: facts.claim,
            issuer: facts.issuer,
            began: facts.began,
            hard_end: facts.hard_end,
            stand_in: *self.stand_in.as_bytes(),
            user_id: self.credentials.user_id().to_owned(),
            token: TokenRecord::of(&self.credentials),
        };
        sealed(seal, key, &record)
    }

    pub(super) fn open(seal: &Seal, key: &Key, value: &Value) -> Result<Self, Unreadable> {
        let record: KeptRecord = opened(seal, key, value)?;
        let id = keys::session_id(key).ok_or(Unreadable::Malformed)?;
        Ok(Self {
            credentials: record.token.read(&record.user_id)?,
            stand_in: StandInHash::from_kept(record.stand_in),
            facts: Facts {
                id: Arc::from(id),
                username: record.username,
                host_session: record.host_session,
                principal: record.principal,
                claim: record.claim,
                issuer: record.issuer,
                began: record.began,
                hard_end: record.hard_end,
            },
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
        let credentials = self.credentials.as_ref();
        let record = DebtRecord {
            user_id: self.user_id.clone(),
            token: credentials.map(|credentials| TokenRecord::of(credentials)),
            cause: self.cause.clone(),
            ends: self.ends.clone(),
        };
        sealed(seal, key, &record)
    }

    pub(super) fn open(seal: &Seal, key: &Key, value: &Value) -> Result<Self, Unreadable> {
        let record: DebtRecord = opened(seal, key, value)?;
        let token = record.token.map(|token| token.read(&record.user_id));
        Ok(Self {
            credentials: token.transpose()?,
            user_id: record.user_id,
            cause: record.cause,
            ends: record.ends,
        })
    }
}

impl TokenRecord {
    fn of(credentials: &Credentials) -> Self {
        Self {
            auth_token: Zeroizing::new(credentials.auth_token().reveal().to_owned()),
            minted_at: Moment::of(credentials.minted_at()),
            expires_at: Moment::of(credentials.expires_at()),
        }
    }

    fn read(self, user_id: &str) -> Result<Arc<Credentials>, Unreadable> {
        let auth_token = AuthToken::new(self.auth_token.as_str().to_owned());
        let (minted_at, expires_at) = (self.minted_at.time(), self.expires_at.time());
        Credentials::kept(user_id, &auth_token, minted_at, expires_at)
            .map(Arc::new)
            .ok_or(Unreadable::Malformed)
    }
}

/// Any content under the seal.
pub(super) fn sealed<T: Serialize>(seal: &Seal, key: &Key, content: &T) -> Value {
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
pub(super) fn plain<T: Serialize>(content: &T) -> Value {
    let mut bytes = Vec::with_capacity(ROOM);
    bytes.push(FORMAT);
    Value(postcard::to_extend(content, bytes).expect("records are of known length throughout"))
}

pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unreadable> {
    match bytes.split_first() {
        Some((&FORMAT, content)) => postcard::take_from_bytes(content)
            .map(|(content, _added)| content)
            .map_err(|_| Unreadable::Malformed),
        Some((&JSON, _)) => Err(Unreadable::Former),
        Some((&number, _)) if number > FORMAT => Err(Unreadable::Newer(number)),
        Some(_) | None => Err(Unreadable::Malformed),
    }
}

/// The id of a session, as a value.
pub(super) fn id(id: &str) -> Value {
    Value(id.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SealingKey;

    fn check(bytes: &[u8], kind: &str) {
        let error = read::<Ends>(bytes).err().map(|error| error.kind());
        assert_eq!(error, Some(kind), "{bytes:?}");
    }

    #[test]
    fn only_records_of_this_format_are_read() {
        check(br#"{"v":1,"id":"a"}"#, "former-format");
        check(&[FORMAT + 1, 0, 0], "newer-format");
        check(&[FORMAT], "malformed");
        check(&[FORMAT - 1, 0, 0], "malformed");
        check(&[], "malformed");
    }

    #[test]
    fn a_sealed_session_of_a_former_release_is_refused_with_what_to_do() {
        let seal = Seal::new(&SealingKey::new(&[1; SealingKey::LENGTH]), &[]);
        let key = keys::session("id");
        let value = seal.seal(&key.0, br#"{"v":1,"id":"id"}"#);
        let error = Kept::open(&seal, &key, &value).expect_err("JSON");
        assert_eq!(error.kind(), "former-format");
        assert!(error.to_string().contains("begin with an empty store"));
    }

    #[test]
    fn fields_that_a_newer_release_adds_are_passed_over() {
        let cause = "logout".to_owned();
        let mut bytes = plain(&cause).0;
        bytes.extend_from_slice(b"added");
        assert_eq!(read::<String>(&bytes).expect("a cause"), cause);
    }
}
