//! What Rocket.Chat answers to a login (RC §2.1, §6.3), as a client may see it: the stand-in where the auth token was, and an expiry
//! that the session keeps.
//!
//! One rule for REST, `method.call` and sockets. An answer of somebody else's, or one that holds the auth token in a place where it
//! was not expected, does not pass.

use std::time::SystemTime;

use memchr::memmem;
use serde_json::{Map, Value, json};

use crate::clock;
use crate::rocketchat::Credentials;

/// What is put in place of what.
#[derive(Clone, Copy, Debug)]
pub struct SwapOut<'a> {
    /// The credentials that logged in.
    pub credentials: &'a Credentials,
    /// What the client gets for their auth token.
    pub stand_in: &'a str,
    /// The latest moment that the session may live to, as known now.
    pub expires_at: SystemTime,
}

/// The answer is not about the credentials that logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rocket.chat answered a login with somebody else's credentials")]
pub struct Foreign;

impl SwapOut<'_> {
    /// The result of the DDP method `login`: `{id, token, tokenExpires, type}`. The newest client reads `tokenExpires.$date` whatever
    /// there is (RC §6.4), so there is always one.
    ///
    /// # Errors
    /// [`Foreign`].
    pub fn result(&self, result: &mut Map<String, Value>) -> Result<(), Foreign> {
        self.swap(result, ["id", "token"])?;
        let ours = clock::unix_millis(self.expires_at);
        let theirs = result
            .get("tokenExpires")
            .and_then(|expires| expires.get("$date"))
            .and_then(Value::as_u64);
        let expires = theirs.map_or(ours, |theirs| theirs.min(ours));
        result.insert("tokenExpires".to_owned(), json!({ "$date": expires }));
        Ok(())
    }

    /// The `data` of REST's `login`: `{userId, authToken, me}`.
    ///
    /// # Errors
    /// [`Foreign`].
    pub fn data(&self, data: &mut Map<String, Value>) -> Result<(), Foreign> {
        self.swap(data, ["userId", "authToken"])
    }

    /// Is a text that goes to the client free of the auth token?
    #[must_use]
    pub fn is_clean(&self, text: &[u8]) -> bool {
        memmem::find(text, self.credentials.auth_token().reveal().as_bytes()).is_none()
    }

    fn swap(&self, answer: &mut Map<String, Value>, [id, token]: [&str; 2]) -> Result<(), Foreign> {
        if answer.get(id).and_then(Value::as_str) != Some(self.credentials.user_id()) {
            return Err(Foreign);
        }
        answer.insert(token.to_owned(), Value::from(self.stand_in));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::secret::AuthToken;

    fn credentials() -> Credentials {
        let at = UNIX_EPOCH + Duration::from_secs(1);
        let token = AuthToken::new("t0ken".to_owned());
        Credentials::new("u1", &token, at, at).unwrap()
    }

    #[track_caller]
    fn check(result: Value, expected: &Result<Value, Foreign>) {
        let credentials = credentials();
        let swap = SwapOut {
            credentials: &credentials,
            stand_in: "stand-in",
            expires_at: UNIX_EPOCH + Duration::from_secs(100),
        };
        let Value::Object(mut result) = result else {
            panic!("an object");
        };
        let swapped = swap.result(&mut result).map(|()| Value::Object(result));
        assert_eq!(&swapped, expected);
    }

    #[test]
    fn the_token_becomes_the_stand_in_and_expires_with_the_session() {
        for (theirs, ours) in [
            (json!({ "$date": 7 }), 7),
            (json!({ "$date": 1_790_000_000_000_u64 }), 100_000),
            (json!({ "$date": "soon" }), 100_000),
            (json!(null), 100_000),
            (json!(12), 100_000),
        ] {
            check(
                json!({ "id": "u1", "token": "t0ken", "tokenExpires": theirs, "type": "resume" }),
                &Ok(
                    json!({ "id": "u1", "token": "stand-in", "tokenExpires": { "$date": ours }, "type": "resume" }),
                ),
            );
        }
        check(
            json!({ "id": "u1" }),
            &Ok(json!({ "id": "u1", "token": "stand-in", "tokenExpires": { "$date": 100_000 } })),
        );
    }

    #[test]
    fn an_answer_about_somebody_else_is_not_believed() {
        for result in [
            json!({ "id": "u2", "token": "t0ken" }),
            json!({ "id": 1 }),
            json!({}),
        ] {
            check(result, &Err(Foreign));
        }
    }

    #[test]
    fn a_text_that_still_holds_the_auth_token_is_not_clean() {
        let credentials = credentials();
        let swap = SwapOut {
            credentials: &credentials,
            stand_in: "s",
            expires_at: UNIX_EPOCH,
        };
        assert!(swap.is_clean(b"{\"token\":\"s\"}"));
        assert!(!swap.is_clean(b"{\"type\":\"t0ken\"}"));
    }
}
