//! Reading and changing what a login says: the bearer out of the client's, the stand-in into Rocket.Chat's (RC §6.4).

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::ddp::fields::Fields;
use crate::ddp::{Grant, Violation};
use crate::secret::Bearer;

/// Bytes of what a client may show. A JWT with many claims has some kilobytes, a stand-in 43 characters.
const LONGEST_BEARER: usize = 16 * 1024;

/// The bearer in the parameters of a `login`: `[{"resume": <string>}]` and nothing else. Every other login handler of
/// Rocket.Chat's has other keys (CVE-2026-45688, CVE-2026-30833), and an operator object in place of the string would be asked
/// of its database.
pub(in crate::ddp) fn resume(params: Option<&RawValue>) -> Option<Bearer> {
    let [only]: [&RawValue; 1] = serde_json::from_str(params?.get()).ok()?;
    let fields = Fields::read(only.get())?;
    if fields.only() != Some("resume") {
        return None;
    }
    let text = fields.string("resume")?;
    (1..=LONGEST_BEARER)
        .contains(&text.len())
        .then(|| Bearer::new(text.into_owned()))
}

/// The `result` of a login with this raw token in the place of Rocket.Chat's, and an end not later than the session's. Clients
/// read `tokenExpires` whether it is there or not, so it always is.
pub(in crate::ddp) fn out(
    answer: &Fields<'_>,
    grant: &Grant,
    token: String,
) -> Result<String, Violation> {
    let mut result = answer
        .raw("result")
        .and_then(Fields::read)
        .ok_or(Violation::ServerUnreadable)?;
    if result.string("id").as_deref() != Some(grant.credentials.user_id()) {
        return Err(Violation::AnotherUser);
    }
    let session_ends = milliseconds(grant.expires_at);
    let expires = result
        .raw("tokenExpires")
        .and_then(|raw| serde_json::from_str::<Date>(raw).ok())
        .map_or(session_ends, |date| {
            session_ends.min(date.milliseconds as i64)
        });
    result.set("token", token);
    result.set("tokenExpires", format!(r#"{{"$date":{expires}}}"#));
    Ok(result.write())
}

/// Is this error the number 403? The text beside it differs between versions (RC §6.3).
pub(in crate::ddp) fn is_403(error: &str) -> bool {
    Fields::read(error)
        .and_then(|error| error.raw("error")?.parse::<f64>().ok())
        .is_some_and(|number| number == 403.0)
}

/// A date as EJSON writes it.
#[derive(Deserialize)]
struct Date {
    #[serde(rename = "$date")]
    milliseconds: f64,
}

fn milliseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
