//! How long Rocket.Chat's login tokens live: the setting `Accounts_LoginExpiration` (RC §3.5).

use std::time::Duration;

use serde_json::Value;

use crate::rocketchat::ApiError;
use crate::rocketchat::caller::Caller;
use crate::rocketchat::operation::Operation;
use crate::rocketchat::transport::Request;
use crate::rocketchat::wire;

/// The setting.
const SETTING: &str = "Accounts_LoginExpiration";

const DAY: f64 = 86_400.0;

/// Rocket.Chat's default, and what it takes for values that are none.
pub(in crate::rocketchat) const DEFAULT: Duration = Duration::from_secs(90 * 24 * 3600);

/// Longest life that we reckon with, a hundred years: beyond it sums of times would overflow.
const LONGEST_DAYS: f64 = 36_500.0;

/// Asks Rocket.Chat.
///
/// # Errors
/// [`ApiError`] when there was no sound answer; a sound one without the setting is the default.
pub(in crate::rocketchat) async fn read(caller: &Caller) -> Result<Duration, ApiError> {
    // 7.0 and later take `_id`; 6.x ignores it and gives a page of other settings.
    let newer = ask(caller, "_id", SETTING).await;
    let older = match newer {
        Ok(Some(life)) => return Ok(life),
        Ok(None) | Err(ApiError::Invalid) => {
            ask(caller, "query", &format!(r#"{{"_id":"{SETTING}"}}"#)).await?
        }
        Err(error) => return Err(error),
    };
    Ok(older.unwrap_or(DEFAULT))
}

async fn ask(
    caller: &Caller,
    key: &'static str,
    value: &str,
) -> Result<Option<Duration>, ApiError> {
    let answer = caller
        .call(Request::new(Operation::Settings).query(key, value))
        .await?;
    let settings: wire::Settings = answer.good()?;
    Ok(settings.value(SETTING).map(life))
}

/// As Rocket.Chat reckons: days, 90 for what is not a number above zero.
fn life(value: &Value) -> Duration {
    let days = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    days.filter(|days| *days > 0.0)
        .map(|days| days.min(LONGEST_DAYS) * DAY)
        .map_or(DEFAULT, Duration::from_secs_f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn odd_values_mean_ninety_days_as_they_do_to_rocket_chat() {
        let check = |value: Value, seconds: u64| {
            assert_eq!(life(&value).as_secs(), seconds, "for {value}");
        };
        check(json!(30), 30 * 86_400);
        check(json!(0.5), 43_200);
        check(json!("7"), 7 * 86_400);
        check(json!(0), 90 * 86_400);
        check(json!(-3), 90 * 86_400);
        check(json!("soon"), 90 * 86_400);
        check(json!("NaN"), 90 * 86_400);
        check(json!(null), 90 * 86_400);
        check(json!([1]), 90 * 86_400);
        check(json!(1e300), 36_500 * 86_400);
    }
}
