//! Paths of requests: what is taken has one meaning, and no spelling of a denied route gets by.

use std::collections::BTreeSet;

use gantry::surface::path::NormalPath;
use gantry::surface::table::Rule;
use gantry::surface::{Action, Class};
use http::Method;
use percent_encoding::percent_decode_str;

use crate::surface;

/// The bytes are the path.
pub fn path(bytes: &[u8]) {
    let Ok(raw) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(path) = NormalPath::parse(raw) else {
        return;
    };
    let once = percent_decode_str(raw)
        .decode_utf8()
        .expect("escapes of utf-8");
    assert_eq!(path.decoded(), once);
    assert!(once.starts_with('/') && !once.contains("//") && !once.contains('\\'));
    assert_eq!(
        once.matches('/').count(),
        raw.matches('/').count(),
        "an escaped separator"
    );
    assert!(!once.chars().any(char::is_control));
    for text in readings(&once) {
        assert!(
            !text.split('/').any(|segment| matches!(segment, "." | "..")),
            "{text} climbs"
        );
    }

    let surface = surface::plain();
    let rules: Vec<Rule> = readings(&once)
        .iter()
        .filter_map(|text| route(text))
        .map(|route| surface::rule(|row| row.rest, route))
        .collect();
    for method in [Method::GET, Method::POST] {
        let verdict = surface.judge(&method, &path);
        let passes = matches!(verdict.action, Action::Forward | Action::Scrub(_));
        for rule in &rules {
            match rule {
                Rule::Deny(_) | Rule::Login | Rule::Logout | Rule::Livechat => {
                    assert!(!passes, "{method} {raw} passes");
                }
                Rule::MethodCall | Rule::OwnProfile | Rule::Scrub(_) => {
                    assert!(
                        verdict.action != Action::Forward,
                        "{method} {raw} is not looked into"
                    );
                    assert_ne!(verdict.class, Class::Public, "{method} {raw} is public");
                }
                Rule::Pass => {}
            }
        }
    }
}

/// The path as this or that server reads it: as it is, undone once more, without `;` parameters, without blanks and dots at the
/// ends of segments, without empty segments, in lower case.
fn readings(once: &str) -> BTreeSet<String> {
    let mut readings = BTreeSet::from([once.to_owned()]);
    let ways: [fn(&str) -> String; 5] = [
        |text| percent_decode_str(text).decode_utf8_lossy().into_owned(),
        |text| {
            each_segment(text, |segment| {
                segment.split(';').next().unwrap_or_default()
            })
        },
        |text| each_segment(text, |segment| segment.trim_end_matches(['.', ' '])),
        |text| {
            format!(
                "/{}",
                text.split('/')
                    .filter(|part| !part.is_empty())
                    .collect::<Vec<_>>()
                    .join("/")
            )
        },
        str::to_lowercase,
    ];
    for way in ways {
        let more: Vec<String> = readings.iter().map(|text| way(text)).collect();
        readings.extend(more);
    }
    // No route of Rocket.Chat's has a segment that ends so: only a server that takes it off finds one.
    readings
        .retain(|text| !text.contains("./") && !text.contains(" /") && !text.ends_with(['.', ' ']));
    readings
}

fn each_segment(text: &str, way: impl Fn(&str) -> &str) -> String {
    let segments: Vec<_> = text
        .split('/')
        .map(|segment| match segment {
            // What is a dot segment only to us would be refused for nothing.
            "." | ".." => segment,
            other => way(other),
        })
        .collect();
    segments.join("/")
}

/// The route behind the API's root.
fn route(text: &str) -> Option<&str> {
    text.strip_prefix("/api/v1/")
        .filter(|route| !route.is_empty())
}
