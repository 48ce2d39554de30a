//! `traceparent` and `tracestate` (W3C Trace Context): read strictly, written anew.

use std::str::FromStr as _;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Most bytes of a `tracestate` that go on: as many as must (W3C Trace Context 3.3.1.5). It is kept with each span that waits.
const LONGEST_STATE: usize = 512;

/// Whose part the request is. One doubtful `traceparent`, or a second one, is none, and then what `tracestate` says is void.
pub(super) fn read(headers: &HeaderMap) -> Option<SpanContext> {
    let mut parents = headers.get_all(TRACEPARENT).iter();
    let parent = parents.next()?;
    if parents.next().is_some() {
        return None;
    }
    let (trace_id, span_id, flags) = parse(parent.to_str().ok()?)?;
    let state = state(headers).unwrap_or_default();
    let context = SpanContext::new(trace_id, span_id, flags, true, state);
    // All zeros are no ids.
    context.is_valid().then_some(context)
}

/// The fields of version 00; of a later version those that it shares with it (3.2.4).
fn parse(text: &str) -> Option<(TraceId, SpanId, TraceFlags)> {
    let (version, rest) = text.split_at_checked(2)?;
    let version = u8::try_from(hexadecimal(version)?).ok()?;
    let (trace_id, rest) = rest.strip_prefix('-')?.split_at_checked(32)?;
    let (span_id, rest) = rest.strip_prefix('-')?.split_at_checked(16)?;
    let (flags, rest) = rest.strip_prefix('-')?.split_at_checked(2)?;
    match version {
        0 if rest.is_empty() => {}
        1..=254 if rest.is_empty() || rest.starts_with('-') => {}
        _ => return None,
    }
    let trace_id = TraceId::from(hexadecimal(trace_id)?);
    let span_id = SpanId::from(u64::try_from(hexadecimal(span_id)?).ok()?);
    let flags = TraceFlags::new(u8::try_from(hexadecimal(flags)?).ok()?);
    Some((trace_id, span_id, flags & TraceFlags::SAMPLED))
}

/// Digits and small letters only: the library takes signs and capitals, too.
fn hexadecimal(text: &str) -> Option<u128> {
    let digits = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !digits {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

fn state(headers: &HeaderMap) -> Option<TraceState> {
    let mut whole = String::new();
    for value in headers.get_all(TRACESTATE) {
        if !whole.is_empty() {
            whole.push(',');
        }
        whole.push_str(value.to_str().ok()?.trim());
    }
    if whole.len() > LONGEST_STATE {
        return None;
    }
    TraceState::from_str(&whole).ok()
}

/// Says that the request is a part of `context`, in place of what stood there.
pub(super) fn write(context: &SpanContext, headers: &mut HeaderMap) {
    headers.remove(TRACESTATE);
    let parent = format!(
        "00-{}-{}-{:02x}",
        context.trace_id(),
        context.span_id(),
        context.trace_flags() & TraceFlags::SAMPLED
    );
    match HeaderValue::try_from(parent) {
        Ok(parent) => headers.insert(TRACEPARENT, parent),
        // It is all hexadecimal.
        Err(_) => headers.remove(TRACEPARENT),
    };
    let state = context.trace_state().header();
    if let Ok(state) = HeaderValue::try_from(state)
        && !state.is_empty()
    {
        headers.insert(TRACESTATE, state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().expect("a header value"));
        }
        headers
    }

    fn passed_on(fields: &[(&'static str, &str)]) -> Option<(String, Option<String>)> {
        let mut headers = headers(fields);
        write(&read(&headers)?, &mut headers);
        let text = |name| {
            let mut values = headers.get_all(name).iter();
            let value = values
                .next()
                .map(|value: &HeaderValue| value.to_str().expect("text"));
            assert_eq!(values.next(), None, "{name} twice");
            value.map(str::to_owned)
        };
        Some((text("traceparent").expect("one"), text("tracestate")))
    }

    #[test]
    fn what_is_well_formed_goes_on_as_it_came() {
        for flags in ["00", "01"] {
            let parent = format!("{}-{flags}", &SOUND[..52]);
            let fields = [("traceparent", parent.as_str()), ("tracestate", "a=1,b=2")];
            let expected = (parent.clone(), Some("a=1,b=2".to_owned()));
            assert_eq!(passed_on(&fields), Some(expected));
        }
        let parted = [
            ("traceparent", SOUND),
            ("tracestate", "a=1"),
            ("tracestate", "b=2"),
        ];
        assert_eq!(
            passed_on(&parted).expect("sound").1.as_deref(),
            Some("a=1,b=2")
        );
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known_and_unknown_flags_are_not_told() {
        let later = SOUND.replacen("00", "02", 1).replace("b7-01", "b7-ff-more");
        let expected = (SOUND.to_owned(), None);
        assert_eq!(passed_on(&[("traceparent", &later)]), Some(expected));
    }

    #[test]
    fn what_is_not_well_formed_is_no_trace() {
        for odd in [
            "",
            "00",
            &SOUND[..54],
            &format!("{SOUND}-"),
            &format!("{SOUND}0"),
            &SOUND.replacen("00", "ff", 1),
            &SOUND.replacen("00", "+0", 1),
            &SOUND.replacen("00", "0", 1),
            &SOUND.replace('b', "B"),
            &SOUND.replace("-01", "-0x"),
            &SOUND.replace('-', "_"),
            &SOUND.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &SOUND.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &SOUND
                .replacen("00-4", "02-4", 1)
                .replace("b7-01", "b7-01more"),
        ] {
            assert_eq!(passed_on(&[("traceparent", odd)]), None, "{odd}");
        }
        assert_eq!(
            passed_on(&[("traceparent", SOUND), ("traceparent", SOUND)]),
            None
        );
        assert_eq!(passed_on(&[("tracestate", "a=1")]), None);
    }

    #[test]
    fn a_state_that_is_too_long_or_odd_is_left_out() {
        for odd in [&"a=1,".repeat(200), "no pairs", "A=1"] {
            let fields = [("traceparent", SOUND), ("tracestate", odd)];
            assert_eq!(passed_on(&fields), Some((SOUND.to_owned(), None)), "{odd}");
        }
    }
}
