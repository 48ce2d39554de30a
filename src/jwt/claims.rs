//! The claims of a JWT, read strictly, and the rules that an issuer's claims must meet (RFC 7519 §4.1, RFC 8725 §3).
//!
//! Claims stay as the bytes they came in and are read one by one as exactly the type they must have, so a time that is a string, a float
//! or `null` is refused and never taken for absent. A name that occurs twice is refused: nobody may read another value than we do.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::config::issuer::Issuer;
use crate::jwt::VerifyError;

mod profile;
#[cfg(test)]
mod tests;
mod window;

pub(in crate::jwt) use profile::profile;
pub(in crate::jwt) use window::{Dates, Window, since_epoch};

/// Most claims a token may have at its top. Real ones have below 50; the bound keeps the search for doubles cheap.
const MAX_CLAIMS: usize = 256;

/// Longest subject or session claim in bytes: four times the 255 characters of OpenID Connect Core §2.
const MAX_NAME_BYTES: usize = 1024;

/// Last second of the year 9999. A later time is no date, whatever it was meant to be.
const MAX_NUMERIC_DATE: u64 = 253_402_300_799;

/// The token types of a session: a plain JWT, and an OAuth access token (RFC 9068). Every other explicit type, `logout+jwt` and
/// `secevent+jwt` above all, means that the token was made for another purpose (RFC 8725 §3.11).
const SESSION_TYPES: [&str; 2] = ["jwt", "at+jwt"];

/// The members of a claims object.
pub(in crate::jwt) struct Claims<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// The times of a token as it gives them.
#[derive(Clone, Copy)]
pub(in crate::jwt) struct Times {
    pub issued_at: Option<SystemTime>,
    pub expires_at: SystemTime,
    /// When the token may be used, all rules and the leeway counted in.
    pub window: Window,
}

impl<'a> Claims<'a> {
    /// Reads a JSON object without looking at its values.
    pub(in crate::jwt) fn parse(json: &'a [u8]) -> Result<Self, VerifyError> {
        serde_json::from_slice(json).map_err(|_| VerifyError::Malformed)
    }

    /// `iss`, which chooses the issuer.
    pub(in crate::jwt) fn issuer(&self) -> Result<Cow<'a, str>, VerifyError> {
        self.text("iss")?
            .ok_or(VerifyError::MissingClaim { claim: "iss" })
    }

    /// `sub`.
    pub(in crate::jwt) fn subject(&self) -> Result<Cow<'a, str>, VerifyError> {
        let claim = "sub";
        self.name(claim)?.ok_or(VerifyError::MissingClaim { claim })
    }

    /// A claim that names somebody or something, if it is there; `null` is no absence.
    pub(in crate::jwt) fn name(
        &self,
        claim: &'static str,
    ) -> Result<Option<Cow<'a, str>>, VerifyError> {
        match self.text(claim)? {
            Some(text) if !is_name(&text) => Err(VerifyError::WrongClaimType { claim }),
            name => Ok(name),
        }
    }

    /// The session claim under its configured name.
    pub(in crate::jwt) fn session(&self, rules: &Issuer) -> Result<Option<String>, VerifyError> {
        match self.find(&rules.claims.session)? {
            // `null` is how some libraries write an absent value.
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if is_name(&text) => Ok(Some(text)),
            // Taking anything else for absent would merge host sessions that the issuer keeps apart.
            Some(_) => Err(VerifyError::WrongClaimType { claim: "session" }),
        }
    }

    /// Whether this is a token for a session of ours at all: not a security event, and for our audience.
    pub(in crate::jwt) fn check_purpose(
        &self,
        typ: Option<&str>,
        rules: &Issuer,
    ) -> Result<(), VerifyError> {
        check_type(typ, SESSION_TYPES)?;
        // A logout token is signed by the same key for the same audience; only `events` tells it apart when `typ` does not
        // (OpenID Connect Back-Channel Logout §2.4, RFC 8417 §2.2).
        if self.raw("events").is_some() {
            return Err(VerifyError::SecurityEvent);
        }
        self.check_audience(&rules.audiences)?;
        for (name, expected) in &rules.required_claims {
            if self.find(name)?.as_ref() != Some(expected) {
                return Err(VerifyError::RequiredClaim);
            }
        }
        Ok(())
    }

    /// The times, when the token may be used now.
    pub(in crate::jwt) fn times(
        &self,
        rules: &Issuer,
        now: SystemTime,
    ) -> Result<Times, VerifyError> {
        self.times_within(rules.max_age, rules, now)
    }

    /// The same with another longest time since `iat` than the issuer's.
    pub(in crate::jwt) fn times_within(
        &self,
        max_age: Duration,
        rules: &Issuer,
        now: SystemTime,
    ) -> Result<Times, VerifyError> {
        let expires = self
            .date("exp")?
            .ok_or(VerifyError::MissingClaim { claim: "exp" })?;
        let starts = self.date("nbf")?;
        let issued = self.date("iat")?;
        let dates = Dates {
            expires,
            starts,
            issued,
        };
        let window = Window::new(dates, rules.leeway, max_age);
        window.check(now)?;
        Ok(Times {
            issued_at: issued.map(|since| UNIX_EPOCH + since),
            expires_at: UNIX_EPOCH + expires,
            window,
        })
    }

    /// A claim by its configured name, which may be dotted. The whole name as one key comes first, because names of public claims
    /// are often URLs (RFC 7519 §4.2); then every dot may be a step into an object.
    ///
    /// An empty name is no claim.
    fn find(&self, path: &str) -> Result<Option<Value>, VerifyError> {
        let read = |raw: &RawValue| {
            serde_json::from_str::<Value>(raw.get()).map_err(|_| VerifyError::Malformed)
        };
        if let Some(raw) = self.raw(path) {
            return if path.is_empty() {
                Ok(None)
            } else {
                read(raw).map(Some)
            };
        }
        for (dot, _) in path.match_indices('.') {
            let Some(raw) = self.raw(&path[..dot]) else {
                continue;
            };
            if let Some(found) = walk(&read(raw)?, &path[dot + 1..]) {
                return Ok(Some(found.clone()));
            }
        }
        Ok(None)
    }

    pub(in crate::jwt) fn check_audience(&self, accepted: &[String]) -> Result<(), VerifyError> {
        let claim = "aud";
        let raw = self
            .raw(claim)
            .ok_or(VerifyError::MissingClaim { claim })?
            .get();
        let wrong = |_| VerifyError::WrongClaimType { claim };
        let is_ours = |audience: &str| accepted.iter().any(|ours| ours == audience);
        let fits = if raw.starts_with('[') {
            let audiences: Vec<Text<'_>> = serde_json::from_str(raw).map_err(wrong)?;
            audiences.iter().any(|audience| is_ours(&audience.0))
        } else {
            is_ours(&serde_json::from_str::<Text<'_>>(raw).map_err(wrong)?.0)
        };
        if fits {
            Ok(())
        } else {
            Err(VerifyError::WrongAudience)
        }
    }

    fn date(&self, claim: &'static str) -> Result<Option<Duration>, VerifyError> {
        let Some(raw) = self.raw(claim) else {
            return Ok(None);
        };
        match serde_json::from_str::<u64>(raw.get()) {
            Ok(seconds) if seconds <= MAX_NUMERIC_DATE => Ok(Some(Duration::from_secs(seconds))),
            Ok(_) | Err(_) => Err(VerifyError::WrongClaimType { claim }),
        }
    }

    fn text(&self, claim: &'static str) -> Result<Option<Cow<'a, str>>, VerifyError> {
        let Some(raw) = self.raw(claim) else {
            return Ok(None);
        };
        match serde_json::from_str::<Text<'a>>(raw.get()) {
            Ok(text) => Ok(Some(text.0)),
            Err(_) => Err(VerifyError::WrongClaimType { claim }),
        }
    }

    /// The text of a member's value.
    pub(in crate::jwt) fn raw(&self, key: &str) -> Option<&'a RawValue> {
        self.0
            .iter()
            .find_map(|(name, value)| (name == key).then_some(*value))
    }
}

/// Whether a token of this `typ` may be meant; one that says nothing may.
pub(in crate::jwt) fn check_type(typ: Option<&str>, taken: [&str; 2]) -> Result<(), VerifyError> {
    let Some(typ) = typ else {
        return Ok(());
    };
    // RFC 7515 §4.1.9: the prefix may be left out, and media types know no case.
    let typ = typ.to_ascii_lowercase();
    let short = typ.strip_prefix("application/").unwrap_or(&typ);
    if taken.contains(&short) {
        Ok(())
    } else {
        Err(VerifyError::WrongType)
    }
}

/// Whether a text can name somebody or something: not empty, and of bounded length.
fn is_name(text: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&text.len())
}

fn walk<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    let object = value.as_object()?;
    if let Some(found) = object.get(path) {
        return Some(found);
    }
    path.match_indices('.')
        .find_map(|(dot, _)| walk(object.get(&path[..dot])?, &path[dot + 1..]))
}

/// A string borrowed from the JSON wherever it has no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Claims<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members: Self::Value = Vec::with_capacity(16);
                while let Some((Text(name), value)) =
                    map.next_entry::<Text<'de>, &'de RawValue>()?
                {
                    if members.len() == MAX_CLAIMS {
                        return Err(de::Error::custom("too many claims"));
                    }
                    if members.iter().any(|(known, _)| *known == name) {
                        return Err(de::Error::custom("a claim occurs twice"));
                    }
                    members.push((name, value));
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Members).map(Claims)
    }
}
