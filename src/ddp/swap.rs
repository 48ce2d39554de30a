//! Reading and changing what a login says: the bearer out of the client's, the stand-in into Rocket.Chat's (RC §6.4).

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::ddp::Violation;
use crate::ddp::fields::Fields;
use crate::rocketchat::SwapOut;
use crate::rocketchat::login_answer::Foreign;
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

/// The raw `result` of a login as the client may see it.
pub(in crate::ddp) fn out(answer: &Fields<'_>, swap: SwapOut<'_>) -> Result<String, Violation> {
    let mut result: Map<String, Value> = answer
        .raw("result")
        .and_then(|result| serde_json::from_str(result).ok())
        .ok_or(Violation::ServerUnreadable)?;
    swap.result(&mut result)
        .map_err(|Foreign| Violation::AnotherUser)?;
    Ok(Value::Object(result).to_string())
}

/// Is this error the number 403? The text beside it differs between versions (RC §6.3).
pub(in crate::ddp) fn is_403(error: &str) -> bool {
    Fields::read(error)
        .and_then(|error| error.raw("error")?.parse::<f64>().ok())
        .is_some_and(|number| number == 403.0)
}
