//! Lines in both forms.

use super::*;
use crate::telemetry::request_id::RequestIds;

fn entry(path: &str) -> Entry<'_> {
    Entry {
        request_id: RequestIds::random().next(),
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
        method: "GET",
        path,
        route: "api",
        dialect: Some("nginx"),
        status: 200,
        duration: Duration::from_nanos(12_345_678),
        session_id: Some("s"),
        user_id: Some("u\"1"),
        error: Some(("bad-body", "one: two".to_owned())),
    }
}

fn read(line: &mut Line, millis: u64, path: &str) -> serde_json::Value {
    let entry = entry(path);
    line.bytes.clear();
    let now = UNIX_EPOCH + Duration::from_millis(millis);
    json(line, now, tracing::Level::INFO, &entry);
    let read: serde_json::Value = serde_json::from_slice(&line.bytes).unwrap();
    let id = read["request.id"].as_str().unwrap();
    assert_eq!(id, entry.request_id.to_string());
    assert_eq!(read["message"], format!("request {id} answered"));
    read
}

fn written(entry: &Entry<'_>) -> String {
    let mut line = Line::default();
    let now = UNIX_EPOCH + Duration::from_millis(1_790_000_000_120);
    text(&mut line, now, tracing::Level::INFO, entry);
    String::from_utf8(line.bytes).unwrap()
}

#[test]
fn a_line_for_people_is_short_and_says_what_failed() {
    let failed = entry("/api/v1/me");
    let plain = Entry {
        dialect: None,
        trace_id: None,
        session_id: None,
        error: None,
        ..entry("/api/v1/me")
    };
    let begins = "2026-09-21T14:13:20.120Z  INFO 200 GET /api/v1/me 12.3ms api";
    assert_eq!(written(&plain), begins);
    assert_eq!(
        written(&failed),
        format!(
            "{begins} nginx session=s trace=4bf92f3577b34da6a3ce929d0e0e4736 request={} bad-body: one: two",
            failed.request_id
        )
    );
}

#[test]
fn a_path_cannot_end_a_line_for_people_nor_speak_to_their_terminal() {
    for (path, shown) in [
        ("/a\nb", "/a\\nb"),
        ("/a\u{1b}[31m", "/a\\u{1b}[31m"),
        ("/a\u{202e}b", "/a\\u{202e}b"),
        ("/é\"'", "/é\"'"),
    ] {
        let line = written(&entry(path));
        assert!(line.contains(&format!(" GET {shown} 12.3ms ")), "{line}");
    }
}

#[test]
fn a_line_is_json_whatever_the_path_holds() {
    let mut kept = Line::default();
    for path in ["/api/v1/me", "/a\"b", "/a\\b", "/a\nb\u{1}", "/é"] {
        let read = read(&mut kept, 0, path);
        assert_eq!(read["url.path"], path);
        assert_eq!(read["level"], "INFO");
        assert_eq!(read["http.request.method"], "GET");
        assert_eq!(read["http.route"], "api");
        assert_eq!(read["dialect"], "nginx");
        assert_eq!(read["http.response.status_code"], 200);
        assert_eq!(read["duration_ms"], 12.346);
        assert_eq!(read["trace.id"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(read["session.id"], "s");
        assert_eq!(read["rocketchat.user_id"], "u\"1");
        assert_eq!(read["error.kind"], "bad-body");
        assert_eq!(read["error"], "one: two");
    }
}

#[test]
fn the_time_is_right_within_a_second_and_beyond_it() {
    let mut kept = Line::default();
    for (millis, expected) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (7, "1970-01-01T00:00:00.007Z"),
        (1_999, "1970-01-01T00:00:01.999Z"),
        (1_790_000_000_120, "2026-09-21T14:13:20.120Z"),
        (999, "1970-01-01T00:00:00.999Z"),
    ] {
        assert_eq!(read(&mut kept, millis, "/")["timestamp"], expected);
    }
}
