//! Points in time as Rocket.Chat writes them: milliseconds in DDP, ISO 8601 text in REST.
//!
//! Values are built once with DDP's `{"$date": ms}` (RC §6.3) and turned into REST's form by
//! [`to_rest`], so that both transports always tell the same.

use serde_json::{Map, Value, json};

use crate::clock;

/// Milliseconds since the Unix epoch.
pub(crate) type Millis = i64;

/// A time as EJSON.
pub(crate) fn ejson(at: Millis) -> Value {
    json!({"$date": at})
}

/// The same value with every EJSON date as text, the way REST answers it.
pub(crate) fn to_rest(value: Value) -> Value {
    match value {
        Value::Object(object) => match date_of(&object) {
            Some(at) => Value::String(clock::iso(at)),
            None => object
                .into_iter()
                .map(|(key, inner)| (key, to_rest(inner)))
                .collect(),
        },
        Value::Array(items) => items.into_iter().map(to_rest).collect(),
        plain => plain,
    }
}

/// A time as a client may send it: EJSON, text, or a number of milliseconds.
pub(crate) fn from_client(value: &Value) -> Option<Millis> {
    match value {
        Value::Object(object) => date_of(object),
        Value::String(text) => parse_iso(text),
        Value::Number(number) => number.as_i64(),
        _ => None,
    }
}

fn date_of(object: &Map<String, Value>) -> Option<Millis> {
    if object.len() != 1 {
        return None;
    }
    object.get("$date").and_then(Value::as_i64)
}

/// Reads what [`clock::iso`] writes, with or without the fraction. `None` for anything else.
pub(crate) fn parse_iso(text: &str) -> Option<Millis> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut clock = clock.splitn(3, ':').map(str::parse::<i64>);
    let (hour, minute, second) = (
        clock.next()?.ok()?,
        clock.next()?.ok()?,
        clock.next()?.ok()?,
    );
    let fits = (0..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..61).contains(&second)
        && fraction.len() <= 9
        && fraction.bytes().all(|digit| digit.is_ascii_digit());
    if !fits {
        return None;
    }
    let millis: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let seconds = ((days_from_civil(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some(seconds * 1_000 + millis)
}

/// Days since 1970-01-01 of a day of the Gregorian calendar (years counted from March, so that the
/// leap day is the last of its year).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let march_month = (month + 9) % 12;
    let of_year = (153 * march_month + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * 146_097 + of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_back() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_827_696_789, "2000-02-29T12:34:56.789Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
            (1_767_225_599_999, "2025-12-31T23:59:59.999Z"),
        ];
        for (at, text) in cases {
            assert_eq!(clock::iso(at), text);
            assert_eq!(parse_iso(text), Some(at));
        }
        assert_eq!(parse_iso("1970-01-01T00:00:01Z"), Some(1_000));
    }

    #[test]
    fn other_texts_are_no_times() {
        for text in [
            "",
            "Z",
            "1970-01-01",
            "1970-13-01T00:00:00Z",
            "1970-01-01T00:00:00",
            "aTbZ",
        ] {
            assert_eq!(parse_iso(text), None, "{text}");
        }
    }

    #[test]
    fn rest_sees_text_where_ddp_sees_milliseconds() {
        let value = json!({"ts": {"$date": 0}, "list": [{"at": {"$date": 1}}], "n": 1});
        let expected = json!({"ts": "1970-01-01T00:00:00.000Z",
                              "list": [{"at": "1970-01-01T00:00:00.001Z"}], "n": 1});
        assert_eq!(to_rest(value), expected);
    }
}
